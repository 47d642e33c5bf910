import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { OfficeState } from '@timonier/client/office';
import { readOffice } from './office-reader.ts';

const active: OfficeState = {
  role: 'active',
  token: '7@master-1',
  epoch: 7,
  revision: 12,
  leaseUntil: 100,
  active: { name: 'master-1', address: '10.0.0.1' },
};

async function publisher(t: TestContext, greet: (socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-office-'));
  const path = join(folder, 'office.sock');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    greet(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

const line = (state: OfficeState): string => `${JSON.stringify(state)}\n`;

test('a line that is read after its lease has run out says nothing while renewals come', async (t) => {
  const path = await publisher(t, (socket) => {
    socket.write(line(active));
    setImmediate(() => socket.write(line({ ...active, leaseUntil: 900 })));
  });
  const found = await readOffice(path, () => 500);
  assert.equal(found?.role, 'active');
  assert.equal(found?.epoch, 7);
});

test('of lines that come together the newest counts', async (t) => {
  const passive: OfficeState = { ...active, role: 'passive', token: null, epoch: null };
  const path = await publisher(t, (socket) => {
    socket.write(line({ ...active, leaseUntil: 900 }) + line(passive));
  });
  assert.equal((await readOffice(path, () => 500))?.role, 'passive');
});

test('a holder that renews no more is passive, with nothing of its office', async (t) => {
  const path = await publisher(t, (socket) => {
    socket.end(line(active));
  });
  const found = await readOffice(path, () => 500);
  assert.equal(found?.role, 'passive');
  assert.equal(found?.epoch, null);
  assert.equal(found?.active?.name, 'master-1');
});

test('a host that does not answer says nothing', async (t) => {
  const path = await publisher(t, (socket) => void socket.destroy());
  assert.equal(await readOffice(path, () => 500), undefined);
  assert.equal(await readOffice(`${path}.none`, () => 500), undefined);
});
