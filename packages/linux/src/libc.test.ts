import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { receiveDescriptor } from './libc.ts';

test('a descriptor that has not arrived yet is not an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'timonier-descriptor-'));
  const server = createServer({ pauseOnConnect: true });
  try {
    server.listen(join(folder, 'socket'));
    await once(server, 'listening');
    const client = connect(join(folder, 'socket'));
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const { fd } = (accepted as unknown as { _handle: { fd: number } })._handle;
    assert.equal(receiveDescriptor(fd), undefined);
    client.destroy();
    accepted.destroy();
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
});
