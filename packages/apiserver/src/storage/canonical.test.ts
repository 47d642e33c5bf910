import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, jsonValue, object, property, string } from 'fast-check';
import type { ApiObject } from '@timonier/api/decode';
import { canonicalJson } from './canonical.ts';

/** The plainest way: a copy of everything. */
function naive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(naive);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => [name, naive(child)]),
  );
}

test('names are in order at every depth, and nothing of the object that was given is changed', () => {
  const objects = object({ key: string(), values: [jsonValue({ maxDepth: 2 })], maxDepth: 2 });
  check(
    property(objects, objects, (spec, labels) => {
      // Their own order, which parsing keeps.
      const given = JSON.stringify({
        spec,
        kind: 'K',
        metadata: { name: 'n', resourceVersion: '1', labels },
      });
      const parsed = JSON.parse(given) as ApiObject & { spec: object };
      const expected = JSON.stringify({
        kind: 'K',
        metadata: naive({ name: 'n', labels: parsed.metadata?.labels }),
        spec: naive(parsed.spec),
      });
      assert.equal(canonicalJson(parsed), expected);
      assert.equal(JSON.stringify(parsed), given);
    }),
    { numRuns: 60 },
  );
});
