import assert from 'node:assert/strict';
import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('whoever forces something out waits first, also a module that was loaded before, and then it is forced out', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'late-syncs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  process.env['TIMONIER_LATE_SYNCS_MS'] = '1';
  const waits = t.mock.method(Atomics, 'wait', () => 'timed-out');
  await import('./late-syncs.ts');
  const path = join(folder, 'file');
  const fd = openSync(path, 'w');
  fdatasyncSync(fd);
  fsyncSync(fd);
  closeSync(fd);
  assert.equal(waits.mock.callCount(), 2);
  assert.throws(() => fsyncSync(fd), { code: 'EBADF' });
  const handle = await open(path);
  await handle.sync();
  await handle.datasync();
  await handle.close();
  await assert.rejects(handle.sync(), { code: 'EBADF' });
});
