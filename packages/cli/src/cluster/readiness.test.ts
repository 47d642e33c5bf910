import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { testPort } from '@timonier/linux/test-ports';
import type { OperationsTarget } from './operations.ts';
import { unreadyOf } from './readiness.ts';

async function component(
  t: TestContext,
  name: string,
  status: number,
  text: string,
): Promise<OperationsTarget> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/readyz' ? status : 404);
    response.end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { host: 'master-1', component: name, address: '127.0.0.1', endpoint: { port, tls: false } };
}

test('a host is as ready as its processes say, and those that are not say why', async (t) => {
  const failing =
    '[+]ping ok\n[-]leader failed: no leader is known\n[-]barrier failed: late\nreadyz check failed\n';
  const targets = [
    await component(t, 'vip', 200, 'ok'),
    await component(t, 'store', 500, failing),
    await component(t, 'proxy', 503, 'busy'),
  ];
  assert.deepEqual(await unreadyOf(targets), [
    { component: 'store', reason: 'leader: no leader is known, barrier: late' },
    { component: 'proxy', reason: '/readyz answers 503' },
  ]);
});

test('a process that does not listen yet is not ready', async (t) => {
  const target = await component(t, 'apiserver', 200, 'ok');
  const port = await testPort();
  assert.deepEqual(await unreadyOf([target, { ...target, endpoint: { port, tls: false } }]), [
    { component: 'apiserver', reason: 'does not listen yet' },
  ]);
});

test('other views of a process and programs of others are not asked', async (t) => {
  const target = await component(t, 'containerd', 404, 'no such page');
  const { port } = target.endpoint;
  const found = await unreadyOf([
    { ...target, endpoint: { port, tls: false, metricsPath: '/v1/metrics' } },
    { ...target, endpoint: { port, tls: true } },
  ]);
  assert.deepEqual(found, []);
});
