import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { registry } from '../registry.ts';
import { sameJson, textOfJson } from '../same-json.ts';
import { capUpdaters } from './manager-entries.ts';
import { inOrder, KeyedList, keyOf, mergePrimitives, withoutItems } from './strategic-lists.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';
import { isObject, type JsonObject, type JsonValue } from './structure.ts';

const scalar = fc.constantFrom<JsonValue>('a', 'b', 'c', 1, '1', true, null);
const item: fc.Arbitrary<JsonValue> = fc.oneof(
  scalar,
  fc.record({ k: scalar, v: scalar }, { requiredKeys: [], noNullPrototype: true }),
);
const items = fc.array(item, { maxLength: 8 });

test('two trees share a text exactly when they say the same', () => {
  fc.assert(
    fc.property(items, items, (a, b) => {
      assert.equal(textOfJson(a) === textOfJson(b), sameJson(a, b));
    }),
  );
  assert.equal(textOfJson({ a: 1, b: undefined, c: 'x' }), textOfJson({ c: 'x', a: 1 }));
  assert.notEqual(textOfJson(['a,b']), textOfJson(['a', 'b']));
});

test('lists merge as when every item is compared with every other', () => {
  fc.assert(
    fc.property(items, items, (original, patch) => {
      const merged = [...original];
      for (const one of patch) if (!merged.some((other) => sameJson(other, one))) merged.push(one);
      assert.deepEqual(mergePrimitives(original, patch), merged);
      assert.deepEqual(
        withoutItems(original, patch),
        original.filter((one) => !patch.some((other) => sameJson(other, one))),
      );
    }),
  );
});

/** Each item looked for in whole lists. */
function sought(
  list: readonly JsonValue[],
  original: readonly JsonValue[],
  order: readonly JsonValue[],
  mergeKey: string | undefined,
): JsonValue[] {
  const indexIn = (all: readonly JsonValue[], one: JsonValue): number =>
    all.findIndex((other) => sameJson(keyOf(other, mergeKey), keyOf(one, mergeKey)));
  const ranked = list.map((one) => ({ one, rank: indexIn(order, one), at: indexIn(original, one) }));
  let left = ranked.filter(({ rank }) => rank < 0);
  const result: JsonValue[] = [];
  for (const { one, at } of ranked.filter(({ rank }) => rank >= 0).sort((a, b) => a.rank - b.rank)) {
    const stop = at < 0 ? 0 : left.findIndex((other) => other.at > at);
    const before = stop < 0 ? left : left.slice(0, stop);
    result.push(...before.map((other) => other.one), one);
    left = left.slice(before.length);
  }
  return [...result, ...left.map(({ one }) => one)];
}

test('items come in the order in which they come when each is looked for', () => {
  fc.assert(
    fc.property(items, items, items, fc.constantFrom('k', undefined), (list, original, order, mergeKey) => {
      assert.deepEqual(inOrder(list, original, order, mergeKey), sought(list, original, order, mergeKey));
    }),
    { numRuns: 500 },
  );
});

const change = fc.record({ key: scalar, isDeleted: fc.boolean(), isKept: fc.boolean() });

test('items are found by their key as when each is looked at', () => {
  fc.assert(
    fc.property(items, fc.array(change, { maxLength: 8 }), (original, changes) => {
      const keyed = new KeyedList(original, 'k');
      let list = [...original];
      for (const [i, { key, isDeleted, isKept }] of changes.entries()) {
        const same = (one: JsonValue): boolean => isObject(one) && sameJson(one['k'], key);
        assert.deepEqual(keyed.get(key), list.find(same));
        if (isDeleted) {
          keyed.delete(key);
          list = list.filter((one) => !same(one));
          continue;
        }
        const next: JsonObject = isKept ? { k: key, i } : { i };
        keyed.set(key, next);
        const at = list.findIndex(same);
        list = at < 0 ? [...list, next] : list.with(at, next);
      }
      assert.deepEqual(keyed.items(), list);
    }),
    { numRuns: 500 },
  );
});

/** How often the names of containers are read, on both sides, while lists of so many merge. */
function readsOf(size: number, patch: (names: (from: number) => JsonObject[]) => JsonObject): number {
  let reads = 0;
  const counted = (name: string): JsonObject =>
    Object.defineProperty({}, 'name', {
      enumerable: true,
      get: () => {
        reads++;
        return name;
      },
    });
  const names = (from: number): JsonObject[] =>
    Array.from({ length: size }, (_, i) => counted(`c${from + i}`));
  const spec = registry.lookup('', 'v1', 'pods')?.schema.field('spec');
  applyStrategicMergePatch({ containers: names(0) }, patch(names), spec);
  return reads;
}

test('lists that are twice as long take twice as many looks at their items', () => {
  const patches: ((names: (from: number) => JsonObject[]) => JsonObject)[] = [
    (names) => ({ containers: names(0) }),
    (names) => ({ containers: names(1000) }),
    (names) => ({ '$setElementOrder/containers': names(0).reverse() }),
    (names) => ({ containers: names(0).map((one) => ({ ...one, $patch: 'delete' })) }),
  ];
  for (const patch of patches) assert.equal(readsOf(200, patch), 2 * readsOf(100, patch));
});

test('entries that are folded are put together once', () => {
  const reads = (size: number): number => {
    let count = 0;
    const entries = Array.from({ length: size }, (_, i) => ({
      manager: `m${i}`,
      operation: 'Update' as const,
      apiVersion: 'v1',
      subresource: '',
      time: '',
      fieldsV1: Object.defineProperty({}, `f:x${i}`, {
        enumerable: true,
        get: () => {
          count++;
          return {};
        },
      }),
    }));
    capUpdaters(entries);
    return count;
  };
  assert.equal(reads(210) - reads(110), 100);
});
