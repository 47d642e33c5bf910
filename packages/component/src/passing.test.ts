import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { PassingMap, PassingSet } from './passing.ts';

test('a map in which much comes and goes holds what a map holds', () => {
  const map = new PassingMap<number, string>();
  const twin = new Map<number, string>();
  for (let i = 0; i < 5_000; i++) {
    map.set(i, `${i}`);
    twin.set(i, `${i}`);
    // A few stay for good.
    if (i % 500 === 7) continue;
    assert.equal(map.delete(i - 20), twin.delete(i - 20));
    assert.equal(map.delete(i - 20), false);
  }
  assert.equal(map.size, twin.size);
  assert.deepEqual([...map], [...twin]);
  assert.deepEqual([...map.keys()], [...twin.keys()]);
  assert.deepEqual([...map.values()], [...twin.values()]);
  assert.equal(map.get(7), twin.get(7));
  assert.equal(map.has(3), false);
  map.clear();
  assert.deepEqual([map.size, [...map]], [0, []]);
});

test('who deletes while looking through sees each entry once, whenever the map begins anew', () => {
  const set = new PassingSet<number>();
  for (let i = 0; i < 1_000; i++) set.add(i);
  const seen: number[] = [];
  for (const one of set) {
    seen.push(one);
    set.delete(one);
    if (one % 2 === 0) set.delete(one + 1);
  }
  assert.equal(set.size, 0);
  assert.deepEqual(
    seen,
    [...Array(500).keys()].map((i) => 2 * i),
  );
  assert.equal(set.has(1), false);
  set.add(1).add(1);
  assert.deepEqual([...set], [1]);
});

const module = JSON.stringify(new URL('./passing.ts', import.meta.url).href);

/** How many MB of what came and went through `map`, a dozen at a time, became old: less than what brings about a full collection. */
function grownOld(map: string): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { PassingMap } from ${module};
    const map = ${map};
    const pass = (from, count) => {
      for (let i = from; i < from + count; i++) {
        map.set(i, Array.from({ length: 200 }, () => i));
        map.delete(i - 12);
      }
    };
    const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
    pass(0, 1_000);
    // The table of the map is old from here on.
    gc();
    const before = old();
    pass(1_000, 15_000);
    console.log((old() - before) / 1e6);`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    // On one thread: helpers that collect meanwhile make it a matter of luck what is old.
    [
      '--expose-gc',
      '--single-threaded-gc',
      '--max-semi-space-size=4',
      '--input-type=module',
      '--eval',
      script,
    ],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return Number(stdout);
}

test('what passed through does not grow old', () => {
  const plain = grownOld('new Map()');
  const passing = grownOld('new PassingMap()');
  // The day this fails nobody needs such a map any more.
  assert.ok(plain > 5, `${plain} MB through a Map`);
  assert.ok(passing < plain / 10, `${passing} MB, ${plain} MB through a Map`);
});
