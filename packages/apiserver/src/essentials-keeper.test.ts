import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './testing/harness.ts';
import { sharedServer } from './testing/shared-server.ts';

const shared = sharedServer();
const inDefault = '/api/v1/namespaces/default';

test('who deletes everything in a namespace takes the way to the API server from nobody', async () => {
  const path = `${inDefault}/services/kubernetes`;
  const before = await shared.ask(200, 'GET', path);
  await shared.ask(200, 'DELETE', path);
  let uid = before.metadata.uid as string;
  await until(async () => {
    const { status, json } = await shared.server.request('GET', path);
    if (status === 200) uid = json.metadata.uid;
    return status === 200;
  }, 'the Service is made again');
  assert.notEqual(uid, before.metadata.uid);
  const after = await shared.ask(200, 'GET', path);
  assert.equal(after.spec.clusterIP, before.spec.clusterIP);
  assert.deepEqual(after.spec.ports, before.spec.ports);
});

test('the addresses of the masters come back as well', async () => {
  const paths = [
    `${inDefault}/endpoints/kubernetes`,
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
  ];
  for (const path of paths) {
    const isThere = async (): Promise<boolean> => (await shared.server.request('GET', path)).status === 200;
    // They went with the Service.
    await until(isThere, `${path} is made again with the Service`);
    const before = await shared.ask(200, 'GET', path);
    await shared.ask(200, 'DELETE', path);
    await until(isThere, `${path} is made again`);
    const after = await shared.ask(200, 'GET', path);
    assert.notEqual(after.metadata.uid, before.metadata.uid);
  }
});
