import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { adminIdentity, listen, ownAddress, podAt } from '../testing/proxied-program.ts';
import { sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const core = '/api/v1/namespaces/default';
const skip = ownAddress() === '' ? 'this machine has no address but its loopback' : false;

test(
  'requests to a pod pass with method, path, query and body, and without who the client is',
  { skip },
  async (t) => {
    const { port, requests } = await listen(t);
    await podAt(shared, 'boat', ownAddress(), port);
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

test('a connection to a pod switches protocols, or its refusal is passed back', { skip }, async (t) => {
  const { port, requests } = await listen(t);
  await podAt(shared, 'ferry', ownAddress(), port);
  const identity = await adminIdentity(shared);
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
    await podAt(shared, `inward-${i}`, address, 80);
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
