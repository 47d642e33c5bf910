import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceSlice } from '../generated/types.ts';
import { integerValue } from '../json.ts';
import { registry } from '../registry.ts';
import { formatFieldError, validate } from '../validation.ts';

const slices = registry.lookup('resource.k8s.io', 'v1', 'resourceslices');

test('counts that a JavaScript number cannot hold are compared like others', () => {
  assert.ok(slices);
  const problemsOf = (count: bigint): string[] => {
    const slice: ResourceSlice = {
      metadata: { name: 's' },
      spec: {
        driver: 'sonar.example.com',
        nodeName: 'n',
        pool: { name: 'p', generation: 1, resourceSliceCount: integerValue(count) as number },
      },
    };
    return validate(slices, slice as never, undefined).map(formatFieldError);
  };
  assert.deepEqual(problemsOf(9_007_199_254_740_994n), []);
  assert.match(problemsOf(-9_007_199_254_740_994n).join(), /resourceSliceCount: .*must be greater than zero/);
});
