import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createSecureServer } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { type Office, type OfficeState, passiveOffice } from '@timonier/client/office';
import { FakeOffice } from '../testing/fake-office.ts';
import { type ConnectionSource, Front } from './front.ts';
import { Masters } from './masters.ts';
import { encodeProxyHeader } from './proxy-protocol.ts';

const active: OfficeState = {
  role: 'active',
  token: '1@a',
  epoch: 1,
  revision: 1,
  leaseUntil: 0,
  active: { name: 'a', address: '127.0.0.1' },
};
const authority = createAuthority('ca', 10);
const server = createCertificate(
  { commonName: 'server', usages: ['server'], hosts: ['127.0.0.1'], validDays: 1 },
  authority,
);

/** A master: a front with an HTTPS server that answers with its name and where the client is. */
async function master(
  t: TestContext,
  name: string,
  office: Office,
  internalPort = 0,
): Promise<{ publicPort: number; internalPort: number; front: Front; sources: ConnectionSource[] }> {
  const sources: ConnectionSource[] = [];
  const https = createSecureServer(
    { allowHTTP1: true, cert: server.certificate, key: server.key },
    (request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(`${name} ${request.url}`);
    },
  );
  const front = new Front({
    office,
    internalPort,
    masters: new Masters(['127.0.0.1']),
    accept: (socket, source) => {
      sources.push(source);
      https.emit('connection', socket);
    },
  });
  t.after(() => {
    front.stopAccepting();
    front.reset();
    https.close();
  });
  return {
    publicPort: await front.listenPublic('127.0.0.1', 0),
    internalPort: await front.listenInternal('127.0.0.1', 0),
    front,
    sources,
  };
}

async function ask(port: number): Promise<{ socket: TLSSocket; answer: string }> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificate });
  await once(socket, 'secureConnect');
  socket.write('GET /hello HTTP/1.1\r\nhost: x\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return { socket, answer: chunk.toString() };
}

/** `once` would reject with the reset that the test waits for. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

test('a passive master pipes clients to the active one, and resets them when the office changes', async (t) => {
  const one = await master(t, 'one', new FakeOffice(active));
  const office = new FakeOffice({ ...passiveOffice, active: active.active });
  const two = await master(t, 'two', office, one.internalPort);
  const { socket, answer } = await ask(two.publicPort);
  socket.on('error', () => undefined);
  assert.match(answer, /one \/hello/);
  assert.equal(two.front.pipes, 1);
  const reset = closed(socket);
  office.set({ ...active, token: '2@b', active: { name: 'b', address: '127.0.0.1' } });
  await reset;
  const own = await ask(two.publicPort);
  own.socket.on('error', () => undefined);
  assert.match(own.answer, /two \/hello/);
  const demoted = closed(own.socket);
  office.set(passiveOffice);
  await demoted;
});

test('a connection made during an election is held until somebody is active', async (t) => {
  const office = new FakeOffice(passiveOffice);
  const { publicPort } = await master(t, 'late', office);
  const pending = ask(publicPort);
  await new Promise((resolve) => setImmediate(resolve));
  office.set(active);
  const { socket, answer } = await pending;
  socket.destroy();
  assert.match(answer, /late \/hello/);
});

test('the internal port refuses what comes without a PROXY header, and everything while passive', async (t) => {
  const office = new FakeOffice(active);
  const { internalPort } = await master(t, 'one', office);
  const plain: Socket = connect(internalPort, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await closed(plain);
  office.set({ ...passiveOffice, active: { name: 'b', address: '127.0.0.1' } });
  const piped: Socket = connect(internalPort, '127.0.0.1');
  piped.on('error', () => undefined);
  piped.write(encodeProxyHeader(undefined));
  await closed(piped);
});

test('a master is believed where a connection comes from, and nobody else is', async (t) => {
  const { internalPort, sources } = await master(t, 'one', new FakeOffice(active));
  const header = encodeProxyHeader({
    sourceAddress: '192.0.2.7',
    sourcePort: 1,
    destinationAddress: '192.0.2.8',
    destinationPort: 2,
  });
  for (const localAddress of ['127.0.0.1', '127.0.0.9']) {
    const socket = connect({ port: internalPort, host: '127.0.0.1', localAddress });
    t.after(() => socket.destroy());
    socket.write(header);
    const tls = connectTls({
      socket,
      servername: 'x',
      checkServerIdentity: () => undefined,
      ca: authority.certificate,
    });
    await once(tls, 'secureConnect');
  }
  assert.deepEqual(
    sources.map(({ remoteAddress }) => remoteAddress),
    ['192.0.2.7', '127.0.0.9'],
  );
});

test('a master that others know to be elected holds what they pipe to it until it has the office', async (t) => {
  const elected = new FakeOffice(passiveOffice);
  const one = await master(t, 'one', elected);
  const two = await master(
    t,
    'two',
    new FakeOffice({ ...passiveOffice, active: active.active }),
    one.internalPort,
  );
  const pending = ask(two.publicPort);
  while (one.front.held === 0) await new Promise((resolve) => setImmediate(resolve));
  elected.set(active);
  const { socket, answer } = await pending;
  socket.destroy();
  assert.match(answer, /one \/hello/);
  assert.equal(one.front.held, 0);
});

test('what waits for the office is reset when another master turns out to be active', async (t) => {
  const office = new FakeOffice(passiveOffice);
  const { internalPort, front } = await master(t, 'one', office);
  const piped: Socket = connect(internalPort, '127.0.0.1');
  piped.on('error', () => undefined);
  piped.write(encodeProxyHeader(undefined));
  while (front.held === 0) await new Promise((resolve) => setImmediate(resolve));
  const reset = closed(piped);
  office.set({ ...passiveOffice, active: { name: 'b', address: '127.0.0.1' } });
  await reset;
});
