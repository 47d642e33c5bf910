/** What is passed on of requests and answers that pods are asked and give. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { adminIdentity, listen, ownAddress, podAt } from '../testing/proxied-program.ts';
import { sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const core = '/api/v1/namespaces/default';
const skip = ownAddress() === '' ? 'this machine has no address but its loopback' : false;

test('links of a page and of a redirection lead through the proxy', { skip }, async (t) => {
  const codings: Readonly<Record<string, (page: string) => Buffer>> = {
    '': (page) => Buffer.from(page),
    gzip: (page) => gzipSync(page),
    deflate: (page) => deflateRawSync(page),
    br: (page) => Buffer.from(page),
  };
  const server = createServer((request, response) => {
    const coding = new URL(request.url ?? '', 'http://x').searchParams.get('coding') ?? '';
    const body = codings[coding]?.('<a href="/b">b</a>') ?? Buffer.alloc(0);
    response.writeHead(request.url === '/moved' ? 302 : 200, {
      'content-type': request.url === '/text' ? 'text/plain' : 'text/html; charset=utf-8',
      'content-length': body.length,
      location: `http://${request.headers.host}/there?uri=${String(request.headers['x-forwarded-uri'])}`,
      ...(coding === '' ? {} : { 'content-encoding': coding }),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await podAt(shared, 'pilot', ownAddress(), port);
  const prefix = `${core}/pods/pilot:${port}/proxy`;
  const ask = (path: string) => shared.server.request('GET', `${prefix}${path}`);
  const moved = await ask('/moved');
  assert.equal(moved.status, 302);
  assert.equal(moved.headers['location'], `${prefix}/there?uri=${prefix}/moved`);
  const page = `<a href="${prefix}/b">b</a>`;
  assert.equal((await ask('/')).body.toString(), page);
  assert.equal(gunzipSync((await ask('/?coding=gzip')).body).toString(), page);
  assert.equal(inflateRawSync((await ask('/?coding=deflate')).body).toString(), page);
  assert.equal((await ask('/?coding=br')).body.toString(), '<a href="/b">b</a>', 'what cannot be read');
  assert.equal((await ask('/text')).body.toString(), '<a href="/b">b</a>');
  const head = await shared.server.request('HEAD', `${prefix}/`);
  assert.equal(head.status, 200);
});

test('every cookie of an answer comes back as one, over either HTTP', { skip }, async (t) => {
  const cookies = ['a=1; Path=/; HttpOnly', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT'];
  const server = createServer((_, response) => response.writeHead(200, { 'set-cookie': cookies }).end());
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await podAt(shared, 'bakery', ownAddress(), port);
  const path = `${core}/pods/bakery:${port}/proxy/`;
  assert.deepEqual((await shared.server.request('GET', path)).headers['set-cookie'], cookies);
  const request = httpsRequest({
    host: '127.0.0.1',
    port: shared.server.port,
    ...(await adminIdentity(shared)),
    path,
  });
  request.end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  answer.resume();
  assert.deepEqual(answer.headers['set-cookie'], cookies);
});

test('an answer without a body may say that it is packed', { skip }, async (t) => {
  const server = createServer((request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status, { 'content-type': 'text/html', 'content-encoding': 'gzip', 'x-boat': 'yes' });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await podAt(shared, 'raft', ownAddress(), port);
  for (const status of [204, 304]) {
    const answer = await shared.server.request('GET', `${core}/pods/raft:${port}/proxy/${status}`);
    assert.deepEqual([answer.status, answer.headers['x-boat'], answer.body.length], [status, 'yes', 0]);
  }
});

test('a body stays a body, whatever the method and however it is sent', { skip }, async (t) => {
  const { port, requests } = await listen(t);
  await podAt(shared, 'hold', ownAddress(), port);
  const path = `${core}/pods/hold:${port}/proxy/`;
  const stowaway = 'GET /stowaway HTTP/1.1\r\nhost: a\r\nx-remote-user: captain\r\n\r\n';
  const identity = await adminIdentity(shared);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const inChunks = httpsRequest({
      host: '127.0.0.1',
      port: shared.server.port,
      ...identity,
      method,
      path: `${path}http1`,
      headers: { 'transfer-encoding': 'chunked' },
    });
    inChunks.end(stowaway);
    const [answer] = (await once(inChunks, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 200);
    answer.resume();
    const session = connect(`https://127.0.0.1:${shared.server.port}`, identity);
    t.after(() => session.destroy());
    const stream = session.request({ ':method': method, ':path': `${path}http2` }, { endStream: false });
    stream.end(stowaway);
    assert.equal(((await once(stream, 'response'))[0] as Record<string, unknown>)[':status'], 200);
    session.close();
    const heard = requests.splice(0).map(({ url, body }) => ({ url, body }));
    assert.deepEqual(
      heard,
      ['/http1', '/http2'].map((url) => ({ url, body: stowaway })),
      method,
    );
  }
});

test(
  'a query in the body of a GET reaches the pod, and OPTIONS is a method like others',
  { skip },
  async (t) => {
    const { port, requests } = await listen(t);
    await podAt(shared, 'index', ownAddress(), port);
    const path = `${core}/pods/index:${port}/proxy/`;
    const identity = await adminIdentity(shared);
    for (const method of ['GET', 'OPTIONS']) {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: shared.server.port,
        ...identity,
        method,
        path,
        headers: { 'content-length': '5' },
      });
      request.end('query');
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      assert.equal(answer.statusCode, 200);
      answer.resume();
      const session = connect(`https://127.0.0.1:${shared.server.port}`, identity);
      t.after(() => session.destroy());
      const stream = session.request({ ':method': method, ':path': path }, { endStream: false });
      stream.end('query');
      assert.equal(((await once(stream, 'response'))[0] as Record<string, unknown>)[':status'], 200);
      session.close();
    }
    const heard = requests.map(({ method, body, headers }) => [method, body, headers['x-forwarded-for']]);
    const expected = ['GET', 'OPTIONS'].flatMap((method) => [0, 1].map(() => [method, 'query', '127.0.0.1']));
    assert.deepEqual(heard, expected);
  },
);

test('a pod that refuses a long body is heard, and so is that there is none', { skip }, async (t) => {
  const strict = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    // It reads no more than the beginning, and lets the rest wait.
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 8\r\n\r\ntoo much');
    });
  });
  await new Promise<void>((resolve) => strict.listen(0, '0.0.0.0', resolve));
  t.after(() => strict.close());
  const { port } = strict.address() as AddressInfo;
  await podAt(shared, 'strict', ownAddress(), port);
  const identity = await adminIdentity(shared);
  const ask = async (to: number): Promise<[number | undefined, string]> => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: shared.server.port,
      ...identity,
      method: 'POST',
      path: `${core}/pods/strict:${to}/proxy/`,
      headers: { 'transfer-encoding': 'chunked' },
    });
    request.on('error', () => undefined);
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    // More than the kernel takes of what nobody reads, and without an end.
    const piece = Buffer.alloc(256 * 1024);
    const feed = (): void => {
      while (request.write(piece));
    };
    request.on('drain', feed);
    feed();
    const [answer] = await answered;
    request.off('drain', feed);
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    request.destroy();
    return [answer.statusCode, text];
  };
  assert.deepEqual(await ask(port), [413, 'too much']);
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '0.0.0.0', resolve));
  const { port: closed } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  assert.equal((await ask(closed))[0], 503);
});
