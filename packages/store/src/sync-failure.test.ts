/** A sync that fails, of the log or of the state: the member ends and does not try again. Needs gcc. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, TestCluster } from './testing/processes.ts';

const source = fileURLToPath(new URL('./testing/failing-sync.c', import.meta.url));

for (const [part, says] of [
  ['/wal/', /write-ahead log failed: .*EIO/],
  ['/state/', /Input\/output error|EIO/],
] as const)
  test(`a failed sync in ${part} ends the member, which never tries it again and has what it acknowledged`, async (t) => {
    const c = await TestCluster.create(1);
    t.after(() => c.remove());
    const library = join(c.folder, 'failing-sync.so');
    const trigger = join(c.folder, 'trigger');
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl']);
    c.prefixes.set('m1', [
      'env',
      `LD_PRELOAD=${library}`,
      `TIMONIER_TEST_FAIL_SYNC=${trigger}`,
      `TIMONIER_TEST_FAIL_SYNC_IN=${part}`,
    ]);
    const child = c.start('m1');
    await c.leader();
    const acknowledged: string[] = [];
    const write = async (): Promise<boolean> => {
      const key = `k${acknowledged.length}`;
      const { code } = await c.etcdctl(['put', key, 'v'], { patienceMs: 10_000 });
      if (code === 0) acknowledged.push(key);
      return code === 0;
    };
    for (let i = 0; i < 5; i++) assert.ok(await write());
    writeFileSync(trigger, '');
    // The state is synced a moment after a write was acknowledged, the log before.
    while (child.exitCode === null && child.signalCode === null && (await write()));
    assert.equal(await c.ended('m1'), 1);
    assert.match(c.log, /"level":60/);
    assert.match(c.log, says);
    assert.equal(readFileSync(trigger, 'utf8'), 'F', 'nothing was synced after the failure');
    rmSync(trigger);
    c.start('m1');
    await c.leader();
    const found = await eventually('a read', () => c.ctl(['get', 'k', '--prefix', '--keys-only']));
    for (const key of acknowledged) assert.ok(found.split('\n').includes(key), key);
  });
