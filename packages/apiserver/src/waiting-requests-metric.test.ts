import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Router } from './http/router.ts';
import { until } from './testing/harness.ts';
import { sharedServer } from './testing/shared-server.ts';

const shared = sharedServer();
/** More than there are metrics, between which others have their turn. */
const count = 150;

async function waiting(): Promise<number> {
  const { status, body } = await shared.server.request('GET', '/metrics');
  assert.equal(status, 200);
  const [, value] = /^timonier_apiserver_requests_waiting (\d+)$/m.exec(body.toString()) ?? [];
  return Number(value);
}

async function openHttp1(): Promise<TLSSocket> {
  const { port, pki } = shared.server;
  const ca = await readFile(pki.caFile);
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect');
  return socket;
}

test('metrics say how many requests wait, also while they do', async (t) => {
  assert.equal(await waiting(), 0);
  const serve = Reflect.get(Router.prototype, 'serve');
  // More than a turn has time for, so that one begins in each.
  t.mock.method(Router.prototype, 'serve', function (this: Router, ...args: Parameters<typeof serve>) {
    const [request] = args;
    const end = performance.now() + 10;
    while (request.url === '/version' && performance.now() < end);
    return serve.apply(this, args);
  });
  const socket = await openHttp1();
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write('GET /version HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
  // It has its turn after one or two of the others, and all of them but those wait then.
  const seen = await waiting();
  assert.ok(seen > 0 && seen < count, `${seen} wait`);
  await until(() => text.split('HTTP/1.1 200').length > count, 'all are answered');
  assert.equal(await waiting(), 0);
});
