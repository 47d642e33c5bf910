import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failpoints } from './failpoints.ts';

test('a write is held by what the file says when it comes, however lately another one looked', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'failpoints-'));
  t.after(() => rm(folder, { recursive: true }));
  const control = join(folder, 'control');
  const failpoints = new Failpoints({ TIMONIER_FAILPOINTS: control });
  await writeFile(control, '');
  await failpoints.beforeCommit('system:kube-scheduler');
  assert.equal(failpoints.held, 0);
  await writeFile(control, 'hold-commit:system:kube-\n');
  const held = failpoints.beforeCommit('system:kube-scheduler');
  await failpoints.beforeCommit('admin');
  const over = new AbortController();
  void held.then(() => over.abort());
  while (failpoints.held === 0 && !over.signal.aborted) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(failpoints.held, 1);
  await writeFile(control, '');
  await held;
  assert.equal(failpoints.held, 0);
  assert.equal(await readFile(`${control}.held`, 'utf8'), 'system:kube-scheduler\n');
});
