import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { until } from '../acceptance/wait.ts';
import { freePorts } from '../../packages/store/src/testing/processes.ts';
import { buildNative } from './native.ts';
import { SyncGate, syncMode } from './sync-gate.ts';

async function makeGate(t: TestContext): Promise<{ gate: SyncGate; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sync-gate-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { gate: new SyncGate(await buildNative('slowDisk', folder), join(folder, 'control')), folder };
}

/** Syncs a file once and says what came of it. */
const script = `
  const fs = require('node:fs');
  const fd = fs.openSync(process.argv[1], 'w');
  try { fs.fdatasyncSync(fd); console.log('synced'); } catch (error) { console.log(error.code); }`;

test('a sync passes the gate, is turned into nothing, or fails, as the gate says', async (t) => {
  const { gate, folder } = await makeGate(t);
  const said: string[] = [];
  for (const mode of [syncMode.real, syncMode.skipped, syncMode.failing]) {
    gate.set({ mode });
    const [file, args] = gate.wrap(process.execPath, ['-e', script, join(folder, 'file')]);
    said.push(spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 }).stdout.trim());
  }
  assert.deepEqual(said, ['synced', 'synced', 'EIO']);
  assert.equal(gate.calls, 3);
});

test('a call that waits goes on when the delay is taken back, and one that was killed harms nobody', async (t) => {
  const { gate, folder } = await makeGate(t);
  gate.set({ delayMs: 600_000 });
  const [file, args] = gate.wrap(process.execPath, ['-e', script, join(folder, 'file')]);
  const [killed, waiting] = [1, 2].map(() => spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  assert.ok(killed !== undefined && waiting !== undefined);
  t.after(() => waiting.kill('SIGKILL'));
  let said = '';
  waiting.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('both wait', 60_000, () => (gate.calls === 2 ? true : undefined));
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  assert.equal(said, '');
  gate.set({ delayMs: 0 });
  await once(waiting, 'close');
  assert.equal(said.trim(), 'synced');
});

test('a program that makes its system calls by itself stands before the same gate', async (t) => {
  const { gate, folder } = await makeGate(t);
  const [client, peer] = await freePorts(2);
  const [file, args] = gate.wrap('etcd', [
    `--data-dir=${join(folder, 'data')}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
  ]);
  const etcd = spawn(file, args, { stdio: 'ignore' });
  const gone = once(etcd, 'exit');
  t.after(async () => {
    etcd.kill('SIGKILL');
    await gone;
  });
  const put = (): number =>
    spawnSync('etcdctl', [`--endpoints=127.0.0.1:${client}`, '--command-timeout=2s', 'put', 'a', 'b'], {
      env: { ...process.env, ETCDCTL_API: '3' },
    }).status ?? 1;
  await until('etcd takes a write', 60_000, () => (put() === 0 ? true : undefined));
  const before = gate.calls;
  assert.ok(before > 0);
  gate.set({ delayMs: 600_000 });
  assert.notEqual(put(), 0, 'a write is acknowledged although no sync comes back');
  gate.set({ delayMs: 0 });
  await until('etcd takes writes again', 60_000, () => (put() === 0 ? true : undefined));
  assert.ok(gate.calls > before);
});
