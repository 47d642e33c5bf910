import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { SocketResponse } from './socket-response.ts';

test('a refusal goes out with heads as headers are, and closes a client that keeps its side open', async (t) => {
  const listener = createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => client.destroy());
  const [socket] = (await once(listener, 'connection')) as [Socket];
  t.after(() => socket.destroy());
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(60_000) });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const response = new SocketResponse(socket);
  // The bytes of a text, a sign for each, as warnings are.
  response.answer(403, { warning: 'gr\u00c3\u00bcn' }, Buffer.from('no'));
  // Twice is as good as once.
  response.end();
  const answer = Buffer.concat(await client.toArray()).toString();
  assert.match(answer, /^HTTP\/1\.1 403 \r\nwarning: gr\u00fcn\r\nconnection: close\r\n\r\nno$/);
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(5_000);
  await closed;
});
