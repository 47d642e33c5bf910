import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createAuthority, createCertificate, type Identity } from '@timonier/pki';
import type { HttpRequest } from '../http/exchange.ts';
import { RequestAuthenticator } from './request-authenticator.ts';

const dayMs = 86_400_000;
const users = createAuthority('users', 10);
const proxies = createAuthority('proxies', 10);
const host = createCertificate({ commonName: 'host', usages: ['server'], validDays: 1 }, users);
const client = (commonName: string, authority: Identity, validDays: number): Identity =>
  createCertificate({ commonName, usages: ['client'], validDays }, authority);

/** The server's end of a connection that a client holds open with its certificate. */
async function connected(t: TestContext, { certificate, key }: Identity): Promise<TLSSocket> {
  const ca = [users.certificate, proxies.certificate];
  const server = createServer({ cert: host.certificate, key: host.key, ca, requestCert: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, cert: certificate, key, rejectUnauthorized: false });
  const [end] = (await once(server, 'secureConnection')) as [TLSSocket];
  t.after(() => {
    socket.destroy();
    end.destroy();
    server.close();
  });
  assert.ok(end.authorized);
  return end;
}

function requestOn(socket: TLSSocket, headers: Record<string, string> = {}): HttpRequest {
  const rawHeaders = Object.entries(headers).flat();
  return { socket, headers, rawHeaders } as unknown as HttpRequest;
}

test('the headers that front proxies name users in are known in every case', () => {
  const authenticator = new RequestAuthenticator(
    { authenticate: () => undefined },
    {
      ca: proxies.certificate,
      clientCa: users.certificate,
      allowedNames: [],
      usernameHeaders: ['X-Forwarded-User'],
      uidHeaders: ['X-Forwarded-Uid'],
      groupHeaders: ['X-Remote-Group', 'X-Forwarded-Group'],
      extraHeaderPrefixes: ['X-Forwarded-Extra-'],
    },
  );
  for (const name of ['user', 'uid', 'group', 'extra-scopes'])
    assert.ok(authenticator.isIdentity(`x-forwarded-${name}`), name);
  for (const name of ['accept', 'x-forwarded-for', 'x-forwarded-extra'])
    assert.ok(!authenticator.isIdentity(name), name);
});

test('a certificate that ends while its connection lasts is believed no longer', async (t) => {
  let now = Date.now();
  const header = (name: string): readonly string[] => [name];
  const authenticator = new RequestAuthenticator(
    { authenticate: () => undefined },
    {
      ca: proxies.certificate,
      clientCa: users.certificate,
      allowedNames: [],
      usernameHeaders: header('X-Remote-User'),
      uidHeaders: [],
      groupHeaders: header('X-Remote-Group'),
      extraHeaderPrefixes: [],
    },
    () => now,
  );
  const nameOf = async (request: HttpRequest): Promise<string> =>
    (await authenticator.authenticate(request, '/api')).name;
  const jane = requestOn(await connected(t, client('jane', users, 2)));
  const proxy = requestOn(await connected(t, client('proxy', proxies, 3)), { 'x-remote-user': 'joe' });
  assert.equal(await nameOf(jane), 'jane');
  assert.equal(await nameOf(proxy), 'joe');
  assert.ok(authenticator.certificateEnd(jane));
  now += 2.5 * dayMs;
  await assert.rejects(nameOf(jane), /Unauthorized/);
  assert.equal(authenticator.certificateEnd(jane), undefined);
  assert.deepEqual(authenticator.attemptsOf(jane), ['x509']);
  assert.equal(await nameOf(proxy), 'joe');
  now += dayMs;
  await assert.rejects(nameOf(proxy), /Unauthorized/);
});
