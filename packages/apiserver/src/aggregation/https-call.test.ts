import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { WebhookClient } from './https-call.ts';

const authority = createAuthority('webhook-ca', 2, new Date());
const identity = createCertificate(
  { commonName: 'webhook', usages: ['server'], hosts: ['localhost'], validDays: 1 },
  authority,
  new Date(),
);
const caBundle = Buffer.from(authority.certificate).toString('base64');

interface Answer {
  readonly status?: number;
  readonly text: string;
  readonly type?: string;
}

/** A client of a webhook that answers as told; undefined breaks the connection off. */
async function clientOf(
  t: TestContext,
  answer: (path: string, isFirst: boolean) => Answer | undefined,
): Promise<WebhookClient> {
  const known = new Set<Socket>();
  const server = createServer({ cert: identity.certificate, key: identity.key }, (request, response) => {
    request.resume();
    const isFirst = !known.has(request.socket);
    known.add(request.socket);
    const given = answer(request.url ?? '', isFirst);
    if (given === undefined) {
      request.socket.destroy();
      return;
    }
    response.writeHead(given.status ?? 200, { 'content-type': given.type ?? 'application/json' });
    response.end(given.text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // No Service is resolved.
  const client = new WebhookClient({} as never, { url: `https://localhost:${port}/hook`, caBundle });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

test('a call over a connection that was closed meanwhile is made again over a new one', async (t) => {
  const client = await clientOf(t, (_path, isFirst) => (isFirst ? { text: '{"a":1}' } : undefined));
  for (let i = 0; i < 3; i++) assert.deepEqual(await client.post({}, 5_000), { a: 1 });
});

test('a call that is broken off over a new connection fails', async (t) => {
  const client = await clientOf(t, () => undefined);
  await assert.rejects(
    client.post({}, 5_000),
    /^WebhookError: Post "https:\/\/localhost:\d+\/hook\?timeout=5s": /,
  );
});

test('a webhook is told how long it is waited for, and its refusals are told in the usual words', async (t) => {
  let asked = '';
  let type = 'text/plain';
  const client = await clientOf(t, (path) => {
    asked = path;
    return { status: 500, text: 'it "broke"', type };
  });
  await assert.rejects(client.post({}, 30_000), {
    message: 'an error on the server ("it \\"broke\\"") has prevented the request from succeeding',
  });
  assert.equal(asked, '/hook?timeout=30s');
  // JSON speaks for itself or not at all.
  type = 'application/json';
  await assert.rejects(client.post({}, 30_000), {
    message: 'an error on the server ("unknown") has prevented the request from succeeding',
  });
});
