import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { test } from 'node:test';
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

async function openSession(): Promise<ClientHttp2Session> {
  const { port, pki } = shared.server;
  const ca = await readFile(pki.caFile);
  const session = connect(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
  await once(session, 'connect');
  return session;
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
  const session = await openSession();
  t.after(() => session.destroy());
  let answered = 0;
  for (let i = 0; i < count; i++)
    session
      .request({ ':path': '/version' })
      .once('response', () => answered++)
      .resume();
  // It has its turn after one or two of the others, and all of them but those wait then.
  const seen = await waiting();
  assert.ok(seen > 0 && seen < count, `${seen} wait`);
  await until(() => answered === count, 'all are answered');
  assert.equal(await waiting(), 0);
});
