import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { OfficeClient, type OfficeState, passiveOffice } from './office.ts';

const active: OfficeState = {
  role: 'active',
  token: '7@master-1',
  epoch: 7,
  revision: 12,
  leaseUntil: 0,
  active: { name: 'master-1', address: '10.0.0.1' },
};

async function serve(
  t: TestContext,
): Promise<{ path: string; send: (state: OfficeState) => void; server: Server }> {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-office-'));
  const path = join(folder, 'office.sock');
  const sockets = new Set<Socket>();
  let last = '';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(last);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const send = (state: OfficeState): void => {
    last = `${JSON.stringify(state)}\n`;
    for (const socket of sockets) socket.write(last);
  };
  return { path, send, server };
}

function next(client: OfficeClient, role: OfficeState['role']): Promise<OfficeState> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`never became ${role}`)), 30_000);
    const check = (state: OfficeState): void => {
      if (state.role !== role) return;
      clearTimeout(timer);
      stop();
      resolve(state);
    };
    const stop = client.onChange(check);
    if (client.state.role === role) check(client.state);
  });
}

test('a client becomes active with its supervisor and passive when the lease runs out unrenewed', async (t) => {
  const { path, send } = await serve(t);
  send(passiveOffice);
  let now = 1_000;
  const client = new OfficeClient(path, () => now);
  t.after(() => client.close());
  assert.equal(client.holds(), false);
  send({ ...active, leaseUntil: 1_500 });
  const taken = await next(client, 'active');
  assert.equal(taken.token, '7@master-1');
  assert.equal(client.holds(), true);
  now = 1_500;
  const lost = await next(client, 'passive');
  assert.equal(client.holds(), false);
  assert.equal(lost.token, null);
  assert.equal(lost.active?.name, 'master-1');
});

test('a renewal keeps the office without calling anyone', async (t) => {
  const { path, send } = await serve(t);
  let now = 1_000;
  send({ ...active, leaseUntil: 2_000 });
  const client = new OfficeClient(path, () => now);
  t.after(() => client.close());
  await next(client, 'active');
  let calls = 0;
  client.onChange(() => calls++);
  send({ ...active, leaseUntil: 500_000 });
  const deadline = Date.now() + 30_000;
  while (client.state.leaseUntil !== 500_000) {
    assert.ok(Date.now() < deadline, 'the renewal never arrived');
    await new Promise((resolve) => setImmediate(resolve));
  }
  now = 499_999;
  assert.equal(client.holds(), true);
  now = 500_000;
  assert.equal(client.holds(), false);
  assert.equal(calls, 0);
});

test('a line that outlived its lease in a buffer does not make anyone active', async (t) => {
  const { path, send } = await serve(t);
  send({ ...active, leaseUntil: 999 });
  const client = new OfficeClient(path, () => 1_000);
  t.after(() => client.close());
  await new Promise<void>((resolve) => {
    client.onChange(() => resolve());
  });
  assert.equal(client.state.role, 'passive');
  assert.equal(client.state.active?.name, 'master-1');
});
