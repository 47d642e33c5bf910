import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { backgroundThreads } from './background-threads.ts';
import { folderLevels } from './levels.ts';

test('once a state is open the threads that write it down, merge it and collect garbage give way to the main thread', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'threads-'));
  try {
    const level = await folderLevels(folder).open('state');
    try {
      await level.batch([{ type: 'put', key: Buffer.from('a'), value: Buffer.from('1') }], { sync: true });
      // Begins LevelDB's own thread, if nothing has.
      await level.compactRange(Buffer.from([0]), Buffer.from([255]), {});
      const threads = backgroundThreads();
      assert.ok(threads.length >= 9, `${threads.length} threads`);
      const given = Math.min(19, getPriority() + 10);
      for (const thread of threads) assert.equal(getPriority(thread), given, `thread ${thread}`);
    } finally {
      await level.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
