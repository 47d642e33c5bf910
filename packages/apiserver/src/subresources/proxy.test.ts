import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const core = '/api/v1/namespaces/default';

/** An address of this machine that is not its loopback: proxying to that is refused. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find((one) => one !== undefined && one.family === 'IPv4' && !one.internal);
  return found?.address ?? '';
}

interface Heard {
  readonly port: number;
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
}

async function listen(t: TestContext): Promise<Heard> {
  const requests: Heard['requests'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      response.writeHead(request.url === '/teapot' ? 418 : 200, {
        'x-boat': 'yes',
        'content-type': 'text/plain',
      });
      response.end(`${request.method} ${request.url} ${body}`);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    requests.push({ method: 'UPGRADE', url: request.url ?? '', headers: request.headers, body: '' });
    if (request.headers.upgrade !== 'echo')
      return socket.end('HTTP/1.1 400 Bad Request\r\nx-boat: no\r\n\r\nnever');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n');
    socket.write(head);
    return socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

async function podAt(name: string, address: string, port: number): Promise<void> {
  const containers = [{ name: 'a', image: 'b', ports: [{ containerPort: port }] }];
  await shared.ask(201, 'POST', `${core}/pods`, { metadata: { name }, spec: { containers } });
  const status = { phase: 'Running', podIP: address, podIPs: [{ ip: address }] };
  await shared.ask(200, 'PATCH', `${core}/pods/${name}/status`, { status }, patchAs('merge-patch+json'));
}

async function adminIdentity(): Promise<{ servername: string; ca: Buffer; cert: Buffer; key: Buffer }> {
  const { pki } = shared.server;
  const files = pki.files('admin');
  return {
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
  };
}

const skip = ownAddress() === '' ? 'this machine has no address but its loopback' : false;

test(
  'requests to a pod pass with method, path, query and body, and without who the client is',
  { skip },
  async (t) => {
    const { port, requests } = await listen(t);
    await podAt('boat', ownAddress(), port);
    const path = `${core}/pods/boat:${port}/proxy`;
    const answer = await shared.server.request('POST', `${path}/a%2Fb/c?x=1&watch=1`, 'cargo', {
      headers: { 'content-type': 'text/plain', authorization: 'Bearer secret' },
    });
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(answer.headers['x-boat'], 'yes');
    assert.equal(answer.body.toString(), 'POST /a%2Fb/c?x=1&watch=1 cargo');
    assert.equal(requests[0]?.headers.authorization, undefined);
    assert.equal((await shared.server.request('GET', `${path}/teapot`)).status, 418);
    const bare = await shared.server.request('GET', `${core}/pods/http:boat:${port}/proxy`);
    assert.equal(bare.status, 301);
    assert.equal(bare.headers['location'], `${core}/pods/http:boat:${port}/proxy/`);
    const own = await shared.server.request('GET', `${core}/pods/boat/proxy/`);
    assert.equal(own.body.toString(), 'GET / ', 'without a port it is the first of the containers');
  },
);

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
  await podAt('pilot', ownAddress(), port);
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
  await podAt('bakery', ownAddress(), port);
  const path = `${core}/pods/bakery:${port}/proxy/`;
  assert.deepEqual((await shared.server.request('GET', path)).headers['set-cookie'], cookies);
  const request = httpsRequest({
    host: '127.0.0.1',
    port: shared.server.port,
    ...(await adminIdentity()),
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
  await podAt('raft', ownAddress(), port);
  for (const status of [204, 304]) {
    const answer = await shared.server.request('GET', `${core}/pods/raft:${port}/proxy/${status}`);
    assert.deepEqual([answer.status, answer.headers['x-boat'], answer.body.length], [status, 'yes', 0]);
  }
});

test('a body stays a body, whatever the method and however it is sent', { skip }, async (t) => {
  const { port, requests } = await listen(t);
  await podAt('hold', ownAddress(), port);
  const path = `${core}/pods/hold:${port}/proxy/`;
  const stowaway = 'GET /stowaway HTTP/1.1\r\nhost: a\r\nx-remote-user: captain\r\n\r\n';
  const identity = await adminIdentity();
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
    await podAt('index', ownAddress(), port);
    const path = `${core}/pods/index:${port}/proxy/`;
    const identity = await adminIdentity();
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
  await podAt('strict', ownAddress(), port);
  const identity = await adminIdentity();
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

test('a connection to a pod switches protocols, or its refusal is passed back', { skip }, async (t) => {
  const { port, requests } = await listen(t);
  await podAt('ferry', ownAddress(), port);
  const identity = await adminIdentity();
  const begin = (upgrade: string): ReturnType<typeof httpsRequest> => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: shared.server.port,
      ...identity,
      path: `${core}/pods/ferry:${port}/proxy/deck?x=1`,
      headers: { connection: 'Upgrade', upgrade, 'x-remote-user': 'pirate' },
    });
    request.end();
    return request;
  };
  const [, socket] = (await once(begin('echo'), 'upgrade')) as [IncomingMessage, Duplex];
  socket.write('ahoy');
  assert.equal(String((await once(socket, 'data'))[0]), 'ahoy');
  socket.end();
  await once(socket, 'close');
  assert.equal(requests[0]?.url, '/deck?x=1');
  assert.equal(requests[0]?.headers['x-remote-user'], undefined);
  const [refused] = (await once(begin('other'), 'response')) as [IncomingMessage];
  assert.equal(refused.statusCode, 400);
  assert.equal(refused.headers['x-boat'], 'no');
  refused.resume();
});

test(
  'requests to a service reach a ready endpoint, by the number or name of its port',
  { skip },
  async (t) => {
    const { port } = await listen(t);
    const ports = [{ name: 'web', port: 80, targetPort: port }];
    await shared.ask(201, 'POST', `${core}/services`, {
      metadata: { name: 'harbour' },
      spec: { ports, selector: { app: 'boat' } },
    });
    const empty = await shared.ask(503, 'GET', `${core}/services/harbour/proxy/`);
    assert.match(empty.message, /no endpoints available for service "harbour"/);
    await shared.ask(201, 'POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 'harbour-1', labels: { 'kubernetes.io/service-name': 'harbour' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [ownAddress()], conditions: { ready: true } }],
      ports: [{ name: 'web', port }],
    });
    for (const name of ['harbour', 'harbour:80', 'harbour:web', 'http:harbour:web']) {
      const answer = await shared.server.request('GET', `${core}/services/${name}/proxy/hello`);
      assert.equal(answer.body.toString(), 'GET /hello ', name);
    }
    await shared.ask(503, 'GET', `${core}/services/harbour:other/proxy/`);
  },
);

test('what cannot be proxied to is told', async () => {
  await shared.ask(404, 'GET', `${core}/pods/none/proxy/`);
  await shared.ask(400, 'GET', `${core}/pods/ftp:none:1/proxy/`);
  const inward = [
    '127.0.0.1',
    '0.0.0.0',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '169.254.169.254',
    'fe80::1',
    '224.0.0.1',
  ];
  for (const [i, address] of inward.entries()) {
    await podAt(`inward-${i}`, address, 80);
    const refused = await shared.ask(400, 'GET', `${core}/pods/inward-${i}/proxy/`);
    assert.match(refused.message, /address not allowed/, address);
  }
  await shared.ask(201, 'POST', '/api/v1/nodes', {
    metadata: { name: 'inward' },
    status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] },
  });
  const other = await shared.ask(400, 'GET', '/api/v1/nodes/inward:80/proxy/');
  assert.match(other.message, /address not allowed/);
  await shared.ask(201, 'POST', '/api/v1/nodes', {
    metadata: { name: 'named' },
    status: { addresses: [{ type: 'Hostname', address: 'localhost' }] },
  });
  const named = await shared.ask(503, 'GET', '/api/v1/nodes/named:80/proxy/');
  assert.match(named.message, /address not allowed/);
  for (const [name, spec] of [
    ['elsewhere', { type: 'ExternalName', externalName: 'localhost', ports: [{ port: 80 }] }],
    ['unattended', { ports: [{ port: 80 }] }],
  ] as const) {
    await shared.ask(201, 'POST', `${core}/services`, { metadata: { name }, spec });
    const nobody = await shared.ask(503, 'GET', `${core}/services/${name}/proxy/`);
    assert.equal(nobody.message, `no endpoints available for service "${name}"`);
  }
  await shared.ask(201, 'POST', `${core}/pods`, {
    metadata: { name: 'nowhere' },
    spec: { containers: [{ name: 'a', image: 'b' }] },
  });
  await shared.ask(503, 'GET', `${core}/pods/nowhere/proxy/`);
});
