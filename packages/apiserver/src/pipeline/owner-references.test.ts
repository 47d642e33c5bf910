import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnerReference } from '@timonier/api';
import { distinctOwners } from './owner-references.ts';

const owner = (uid: string, name = 'n'): OwnerReference => ({ apiVersion: 'v1', kind: 'Pod', name, uid });

test('only the very same owner is one that was there before', () => {
  const owners = [owner('a'), owner('b'), owner('a'), owner('a', 'm'), owner('a')];
  assert.deepEqual(distinctOwners(owners), {
    each: [owner('a'), owner('b'), owner('a', 'm')],
    repeated: [owner('a'), owner('a')],
  });
  const [same] = owners;
  assert.ok(same);
  assert.deepEqual(distinctOwners([same, same, owner('b')]), { each: [same, owner('b')], repeated: [same] });
});

test('twice as many owners take twice as many looks at them', () => {
  const looks = (count: number): number => {
    let reads = 0;
    const owners = Array.from({ length: count }, (_, i) => ({
      ...owner('same'),
      get name() {
        reads++;
        return `n${i}`;
      },
    }));
    distinctOwners(owners);
    return reads;
  };
  assert.equal(looks(200), 2 * looks(100));
});
