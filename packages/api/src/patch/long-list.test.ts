import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyJsonPatch } from './json-patch.ts';
import { LongList } from './long-list.ts';

const change = fc.record({
  how: fc.constantFrom('insert', 'insert', 'remove', 'set'),
  /** Of the length, in thousandths. */
  where: fc.nat(1_000),
});

test('a long list is changed as an array is', () => {
  fc.assert(
    fc.property(fc.nat(3_000), fc.array(change, { maxLength: 60 }), (length, changes) => {
      const array = Array.from({ length }, (_, i) => i);
      const list = new LongList(array);
      for (const [n, { how, where }] of changes.entries()) {
        const index = Math.floor((where * array.length) / 1_000);
        assert.equal(list.get(index), array[index]);
        if (how === 'insert') {
          list.insert(index, -n);
          array.splice(index, 0, -n);
        } else if (index < array.length && how === 'set') {
          list.set(index, -n);
          array[index] = -n;
        } else if (how === 'remove') assert.equal(list.remove(index), array.splice(index, 1)[0]);
        assert.equal(list.length, array.length);
      }
      assert.deepEqual(list.items(), array);
    }),
  );
});

test('a list that grows from nothing is one', () => {
  const list = new LongList<number>([]);
  for (let i = 0; i < 2_000; i++) list.insert(i, i);
  assert.deepEqual(
    list.items(),
    Array.from({ length: 2_000 }, (_, i) => i),
  );
});

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i);

test('a patch of a long list takes it apart once, and leaves the original as it was', (t) => {
  const inserted = t.mock.method(LongList.prototype, 'insert');
  const items = t.mock.method(LongList.prototype, 'items');
  const original = { list: numbers(100_000), short: numbers(100) };
  const patch = Array.from({ length: 1_000 }, (_, i) => [
    { op: 'add', path: '/list/0', value: -i },
    { op: 'add', path: '/short/0', value: -i },
    { op: 'remove', path: '/short/0' },
  ]).flat();
  const { list, short } = applyJsonPatch(original, patch) as Readonly<Record<string, readonly number[]>>;
  assert.deepEqual(list?.slice(0, 2), [-999, -998]);
  assert.equal(list.length, 101_000);
  assert.deepEqual(short, original.short);
  assert.equal(original.list.length, 100_000);
  assert.equal(inserted.mock.callCount(), 1_000, 'a short list is an array');
  assert.equal(items.mock.callCount(), 1);
});

test('what is inside of long lists is found, tested, copied, moved and replaced', () => {
  const items = numbers(1_100).map((i) => ({ i, list: i > 1 ? [] : numbers(1_500) }));
  const patched = applyJsonPatch({ items, other: [] }, [
    { op: 'remove', path: '/items/0' },
    { op: 'test', path: '/items/0', value: items[1] },
    { op: 'add', path: '/items/0/list/-', value: 'x' },
    { op: 'replace', path: '/items/1', value: { i: 'y' } },
    { op: 'move', from: '/items/0/list', path: '/moved' },
    { op: 'remove', path: '/moved/0' },
    { op: 'copy', from: '/items/-1', path: '/other/-' },
    { op: 'test', path: '/other', value: [items.at(-1)] },
  ]);
  assert.deepEqual(patched, {
    items: [{ i: 1 }, { i: 'y' }, ...items.slice(3)],
    moved: [...numbers(1_500).slice(1), 'x'],
    other: [items.at(-1)],
  });
  assert.throws(() => applyJsonPatch({ items }, [{ op: 'add', path: '/items/1101', value: 1 }]));
  assert.throws(() => applyJsonPatch({ items }, [{ op: 'remove', path: '/items/1100' }]));
  assert.throws(() => applyJsonPatch({ items }, [{ op: 'add', path: '/items/x', value: 1 }]));
  assert.throws(() => applyJsonPatch({ items }, [{ op: 'test', path: '/items', value: [] }]));
  const shortened = { op: 'remove', path: '/items/0' };
  const beyond = { op: 'test', path: `/items/${items.length}`, value: null };
  assert.throws(() => applyJsonPatch({ items }, [shortened, beyond]));
});
