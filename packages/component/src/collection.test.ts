import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { growthOf } from './collection.ts';

const collection = JSON.stringify(new URL('./collection.ts', import.meta.url).href);

/** What a script prints. */
function numberFrom(script: string): number {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  assert.equal(status, 0, stderr);
  return Number(stdout);
}

/** How often V8 collects everything while 6 GB of buffers pass through a heap with 200 MB in it. */
function collections(prepare: string): number {
  const script = `
    import { PerformanceObserver, constants } from 'node:perf_hooks';
    ${prepare}
    let count = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries())
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count++;
    });
    observer.observe({ entryTypes: ['gc'] });
    const alive = Array.from({ length: 2_000_000 }, (_, i) => ({ key: i, other: [i] }));
    const kept = [];
    for (let i = 0; i < 6_000; i++) {
      kept[i % 32] = Buffer.allocUnsafeSlow(1024 * 1024);
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(alive.length > 0 && kept.length > 0 ? count : 0);
    process.exit(0);`;
  return numberFrom(script);
}

test('a large heap is collected less often for the buffers that pass by', () => {
  const before = collections('');
  const now = collections(`(await import(${collection})).countBuffersWithHeap();`);
  assert.ok(before >= 4, `${before} collections without`);
  assert.ok(now * 2 <= before, `${now} collections with it, ${before} without`);
});

/** Bytes of the space for new objects after a million objects came that stay. */
function newSpace(load: string): number {
  return numberFrom(`
    import { getHeapSpaceStatistics } from 'node:v8';
    const { loadingWhatStays } = await import(${collection});
    const alive = [];
    const fill = async () => {
      for (let i = 0; i < 1_000_000; i++) alive.push({ key: i, other: [i] });
    };
    ${load};
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(alive.length > 0 ? space_size : 0);`);
}

test('the space for new objects does not grow for those that are loaded to stay, and grows for others afterwards', () => {
  const usual = newSpace('await fill()');
  const loaded = newSpace('await loadingWhatStays(fill)');
  const after = newSpace('await loadingWhatStays(async () => undefined); await fill()');
  assert.ok(loaded * 2 <= usual, `${loaded} bytes where ${usual} are usual`);
  assert.ok(after >= loaded * 2, `${after} bytes afterwards, ${loaded} before`);
});

/** How often V8 collects everything while new objects keep taking the place of those that are alive, so many at a time. */
function turnover(objects: number, prepare: string): number {
  return numberFrom(`
    import { PerformanceObserver, constants } from 'node:perf_hooks';
    const { leaveRoomToGrow } = await import(${collection});
    ${prepare};
    let count = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries())
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) count++;
    });
    observer.observe({ entryTypes: ['gc'] });
    const alive = [];
    for (let i = 0; i < ${objects} * 40; i++) {
      alive[i % ${objects}] = { key: i, other: [i, i, i, i, i, i, i, i] };
      if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    console.log(alive.length > 0 ? count : 0);
    process.exit(0);`);
}

test('a small heap whose contents change is collected less often when it may grow', () => {
  // What V8 chooses by itself depends on how fast it collects, and so on what else the machine does.
  const doubling = "(await import('node:v8')).setFlagsFromString('--heap-growing-percent=100')";
  // Where others want the processors, one collection may last as long as several would: then once more.
  let doubled = 0;
  for (let tries = 0; tries < 5 && doubled < 6; tries++) doubled = turnover(200_000, doubling);
  const roomy = turnover(200_000, 'leaveRoomToGrow()');
  assert.ok(doubled >= 6, `${doubled} collections of one that doubles`);
  assert.ok(roomy < doubled, `${roomy} collections with room, ${doubled} of one that doubles`);
});

test('room is a matter of small heaps: the larger what is alive, the less it may grow beyond what V8 chooses', () => {
  const mebibyte = 1024 * 1024;
  assert.equal(growthOf(0), 400);
  assert.equal(growthOf(128 * mebibyte), 400);
  assert.equal(growthOf(256 * mebibyte), 200);
  assert.equal(growthOf(512 * mebibyte), 100);
  assert.equal(growthOf(513 * mebibyte), 0);
});
