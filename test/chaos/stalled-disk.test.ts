import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createClient } from '@timonier/grpc';
import { kvService } from '../../packages/store/src/client-services.ts';
import { eventually, TestCluster } from '../../packages/store/src/testing/processes.ts';
import { buildNative } from './native.ts';
import { SyncGate } from './sync-gate.ts';

/** What stands before a command to run it behind the gate. */
function behind(gate: SyncGate): string[] {
  const [file, args] = gate.wrap('COMMAND', []);
  return [file, ...args.slice(0, -1)];
}

/** Three members, each behind a gate for its syncs, not started yet. */
async function gatedCluster(
  t: TestContext,
): Promise<{ readonly c: TestCluster; readonly gates: ReadonlyMap<string, SyncGate> }> {
  const folder = mkdtempSync(join(tmpdir(), 'stalled-disk-'));
  const c = await TestCluster.create(3);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const program = await buildNative('slowDisk', folder);
  const gates = new Map(c.names.map((name) => [name, new SyncGate(program, join(folder, `${name}.gate`))]));
  for (const [name, gate] of gates) c.prefixes.set(name, behind(gate));
  return { c, gates };
}

test('a leader whose disk stalls leaves its office, does not come back before the disk does, and loses nothing', async (t) => {
  const { c, gates } = await gatedCluster(t);
  c.startAll();
  const stalled = await c.leader();
  const others = c.names.filter((name) => name !== stalled);

  const clients = new Map(others.map((name) => [name, createClient(kvService, `unix:${c.socket(name)}`)]));
  let servedBy = others[0] ?? '';
  const acknowledged: string[] = [];
  const writing = new AbortController();
  const writer = (async () => {
    for (let i = 0; !writing.signal.aborted; i++) {
      const key = `k${i}`;
      const sent = clients.get(servedBy)?.unary(
        'put',
        {
          key: Buffer.from(key),
          value: Buffer.from(key),
          lease: 0n,
          prevKv: false,
          ignoreValue: false,
          ignoreLease: false,
        },
        { timeoutMs: 10_000 },
      );
      await sent?.then(
        () => acknowledged.push(key),
        () => undefined,
      );
    }
  })();
  t.after(async () => {
    writing.abort();
    await writer;
    for (const client of clients.values()) client.close();
  });
  await eventually('writes', async () => assert.ok(acknowledged.length > 20));

  // A disk that was quick until now stalls its member as well, which then cannot say anything; after a slow sync the
  // log's own thread waits for it.
  gates.get(stalled)?.set({ delayMs: 60 });
  const slow = acknowledged.length;
  await eventually('slow writes', async () => assert.ok(acknowledged.length > slow + 2));
  gates.get(stalled)?.set({ delayMs: 600_000 });
  await eventually('somebody else leads', async () => assert.ok(others.includes(await c.leader(others))));
  await eventually('it has said why', async () =>
    assert.match(c.output.get(stalled) ?? '', /disk write is late/),
  );
  const before = acknowledged.length;
  await eventually('writes go on', async () => assert.ok(acknowledged.length > before + 50));
  // Without the new leader only the third could lead, with the vote of the stalled one, which must not count.
  const successor = await c.leader(others);
  const third = others.find((name) => name !== successor) ?? '';
  c.output.set(stalled, '');
  c.output.set(third, '');
  servedBy = third;
  await c.end(successor, 'SIGKILL');
  const pause = acknowledged.length;
  await eventually('the third asks for votes', async () =>
    assert.match(c.output.get(third) ?? '', /"role":"pre-candidate"/),
  );
  const { code } = await c.etcdctl(['--command-timeout=2s', 'put', 'nobody', 'leads'], { at: third });
  assert.notEqual(code, 0, 'it gets no vote');
  assert.doesNotMatch(c.output.get(stalled) ?? '', /"role":"(pre-candidate|candidate|leader)"/);
  assert.ok(acknowledged.length <= pause + 1, 'a stalled disk acknowledges nothing');

  gates.get(stalled)?.set({ delayMs: 0 });
  await eventually('the two go on', async () => assert.ok(acknowledged.length > pause + 20));
  writing.abort();
  await writer;
  for (const name of c.names.filter((other) => other !== successor)) {
    const text = await c.ctl(['get', 'k', '--prefix', '--keys-only'], { at: name });
    const keys = new Set(text.split('\n'));
    for (const key of acknowledged) assert.ok(keys.has(key), `${key} at ${name}`);
  }
});

test('a leader whose main thread waits for its disk is replaced, and does not take itself for the leader afterwards', async (t) => {
  const { c, gates } = await gatedCluster(t);
  for (const name of c.names) c.releases.set(name, 'mainThread');
  const clients = new Map(c.names.map((name) => [name, createClient(kvService, `unix:${c.socket(name)}`)]));
  t.after(() => {
    for (const client of clients.values()) client.close();
  });
  const put = async (at: string, i: number): Promise<unknown> =>
    clients.get(at)?.unary(
      'put',
      {
        key: Buffer.from(`k${i}`),
        value: Buffer.from('v'),
        lease: 0n,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      },
      { timeoutMs: 10_000 },
    );
  // Where others want the processors, a write may be late by itself: then another one leads, or the log's own thread writes.
  const stalled = await eventually('a leader whose main thread writes', async () => {
    await Promise.all(c.names.map((name) => c.end(name, 'SIGKILL')));
    c.output.clear();
    c.startAll();
    const leader = await c.leader();
    for (let i = 0; i < 20; i++) await put(leader, i);
    assert.equal(await c.leader(), leader);
    for (const name of c.names) assert.doesNotMatch(c.output.get(name) ?? '', /disk write is late/);
    return leader;
  });
  const others = c.names.filter((name) => name !== stalled);
  gates.get(stalled)?.set({ delayMs: 600_000 });
  const since = performance.now();
  const unknown = put(stalled, 20).catch(() => undefined);
  await eventually('somebody else leads', async () => assert.ok(others.includes(await c.leader(others))));
  await eventually('writes go on', () => c.ctl(['put', 'after', 'v'], { at: others[0] ?? '' }));
  await eventually('a stall of two seconds', async () => assert.ok(performance.now() - since > 2_000));
  assert.doesNotMatch(c.output.get(stalled) ?? '', /disk write is late/, 'it could not say anything');
  gates.get(stalled)?.set({ delayMs: 0 });
  await eventually('the stalled one follows', async () => {
    const [one] = JSON.parse(await c.ctl(['endpoint', 'status', '-w', 'json'], { at: stalled })) as {
      Status: { header: { member_id: number }; leader: number };
    }[];
    assert.ok(one !== undefined && one.Status.leader !== 0);
    assert.notEqual(one.Status.leader, one.Status.header.member_id);
  });
  await unknown;
  // It left office by itself, whatever the others did, and led no more.
  const said = await eventually('it has said why', async () => {
    const text = c.output.get(stalled) ?? '';
    assert.match(text, /disk write is late/);
    return text;
  });
  assert.doesNotMatch(said.split('disk write is late').at(-1) ?? '', /"role":"leader"/);
  assert.equal(await c.ctl(['get', 'after', '--print-value-only'], { at: stalled }), 'v\n');
});
