import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { timeSlice } from '@timonier/linux/time-slice';
import { TestCluster } from './testing/processes.ts';

const usual = timeSlice(0);

test(
  'the threads that a put passes have short turns, and those behind them the usual ones',
  { skip: usual === undefined ? 'threads choose their slices from Linux 6.12 on' : false },
  async (t) => {
    const c = await TestCluster.create(1);
    t.after(() => c.remove());
    c.start('m1');
    await c.leader();
    const { pid } = c.process('m1');
    assert.ok(pid !== undefined);
    const slices = new Map<string, Set<number | undefined>>();
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim();
      const kind = thread === String(pid) ? 'main' : name;
      slices.set(kind, (slices.get(kind) ?? new Set()).add(timeSlice(Number(thread))));
    }
    assert.deepEqual([...(slices.get('main') ?? [])], [100]);
    assert.deepEqual([...(slices.get('WorkerThread') ?? [])], [100], 'the thread of the log');
    assert.deepEqual([...(slices.get('V8Worker') ?? [])], [usual]);
    assert.deepEqual([...(slices.get('libuv-worker') ?? [])], [usual]);
  },
);
