import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { startApiServer, until } from '../testing/harness.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';
import { portKey } from './allocations.ts';

const shared = sharedServer();
const services = '/api/v1/namespaces/default/services';
const networking = '/apis/networking.k8s.io/v1';

const service = (name: string, clusterIP?: string): object => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...(clusterIP === undefined ? {} : { clusterIP }) },
});

test('an address in use is an object that names its service, and goes with it', async () => {
  const made = await shared.ask(201, 'POST', services, service('harbour'));
  const address = made.spec.clusterIP as string;
  const object = await shared.ask(200, 'GET', `${networking}/ipaddresses/${address}`);
  assert.deepEqual(object.spec.parentRef, { resource: 'services', namespace: 'default', name: 'harbour' });
  assert.equal(object.metadata.labels['ipaddress.kubernetes.io/ip-family'], 'IPv4');
  await shared.ask(422, 'POST', services, service('other', address));
  await shared.ask(200, 'DELETE', `${services}/harbour`);
  await shared.ask(404, 'GET', `${networking}/ipaddresses/${address}`);
});

test('an address that somebody reserved is not given to a service', async () => {
  await shared.ask(201, 'POST', `${networking}/ipaddresses`, {
    metadata: { name: '10.96.7.7' },
    spec: { parentRef: { resource: 'gateways', group: 'example.com', name: 'g' } },
  });
  const refused = await shared.ask(422, 'POST', services, service('taken', '10.96.7.7'));
  assert.match(refused.message, /provided IP is already allocated/);
});

test('a service that changes its type gives back what only the old type could have', async () => {
  const balanced = {
    metadata: { name: 'turn' },
    spec: {
      type: 'LoadBalancer',
      ports: [{ port: 80 }],
      loadBalancerClass: 'example.com/lb',
      externalTrafficPolicy: 'Local',
    },
  };
  const { spec } = await shared.ask(201, 'POST', services, balanced);
  assert.equal(spec.allocateLoadBalancerNodePorts, true);
  const merge = patchAs('merge-patch+json');
  const other = await shared.ask(
    422,
    'PATCH',
    `${services}/turn`,
    { spec: { loadBalancerClass: 'example.com/other' } },
    merge,
  );
  assert.match(
    other.message,
    /spec.loadBalancerClass: Invalid value: "example.com\/other": may not change once set/,
  );
  const turned = await shared.ask(200, 'PATCH', `${services}/turn`, { spec: { type: 'ClusterIP' } }, merge);
  for (const field of ['loadBalancerClass', 'externalTrafficPolicy', 'allocateLoadBalancerNodePorts'])
    assert.equal(turned.spec[field], undefined, field);
  assert.equal(turned.spec.ports[0].nodePort, undefined);
  assert.equal(turned.spec.clusterIP, spec.clusterIP);
  await shared.ask(200, 'DELETE', `${services}/turn`);
});

test('a new range is used at once, and stays while its addresses are in use', async () => {
  const merge = patchAs('merge-patch+json');
  const outside = await shared.ask(422, 'POST', services, service('far', '10.97.0.9'));
  assert.match(
    outside.message,
    /Invalid value: \["10.97.0.9"\]: failed to allocate IP 10.97.0.9: the provided network does not match the current range/,
  );
  const range = { metadata: { name: 'more' }, spec: { cidrs: ['10.97.0.0/24'] } };
  const made = await shared.ask(201, 'POST', `${networking}/servicecidrs`, range);
  assert.equal(made.status.conditions[0].type, 'Ready');
  await shared.ask(201, 'POST', services, service('far', '10.97.0.9'));
  const held = await shared.ask(409, 'DELETE', `${networking}/servicecidrs/more`);
  assert.match(held.message, /addresses in use that no other range has, such as 10.97.0.9/);
  const finalizers = ['networking.k8s.io/service-cidr-finalizer'];
  await shared.ask(200, 'PATCH', `${networking}/servicecidrs/more`, { metadata: { finalizers } }, merge);
  const waiting = await shared.ask(200, 'DELETE', `${networking}/servicecidrs/more`);
  assert.ok(waiting.metadata.deletionTimestamp, 'the controller that holds it decides');
  await shared.server.caughtUp();
  await shared.ask(422, 'POST', services, service('late', '10.97.0.10'));
  await shared.ask(
    200,
    'PATCH',
    `${networking}/servicecidrs/more`,
    { metadata: { finalizers: null } },
    merge,
  );
  await shared.ask(201, 'POST', `${networking}/servicecidrs`, range);
  await shared.ask(200, 'DELETE', `${services}/far`);
  await shared.ask(200, 'DELETE', `${networking}/servicecidrs/more`);
});

test('what is missing of addresses and ranges is made when a server takes over', async (t) => {
  const made = await shared.ask(201, 'POST', services, service('orphan'));
  const path = `${networking}/ipaddresses/${made.spec.clusterIP}`;
  await shared.ask(200, 'DELETE', path);
  const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
  const ports = [{ port: 80, nodePort: 30_060 }];
  await shared.ask(201, 'POST', services, { metadata: { name: 'unheard' }, spec: { ...spec, ports } });
  const store = new StoreClient({ endpoints: [shared.endpoint] });
  t.after(() => store.close());
  await store.txn([], [{ requestDeleteRange: { key: portKey(30_060) } }], []);
  const server = await startApiServer(t, { endpoint: shared.endpoint });
  const status = async (where: string): Promise<number> => (await server.request('GET', where)).status;
  await until(async () => (await status(path)) === 200, 'the address has its object again');
  const key = async (): Promise<string> => {
    const { kvs } = await store.range({ key: portKey(30_060) });
    return kvs[0]?.value.toString() ?? '';
  };
  await until(async () => (await key()) !== '', 'the port has its key again');
  assert.equal(await key(), 'default/unheard');
  assert.equal(await status(`${networking}/servicecidrs/kubernetes`), 200);
  const own = (await server.request('GET', `${networking}/ipaddresses/10.96.0.1`)).json;
  assert.equal(own.spec.parentRef.name, 'kubernetes');
});

test('a port of a service that is gone, or has it no more, is given back when a server takes over', async (t) => {
  const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_070 }] };
  await shared.ask(201, 'POST', services, { metadata: { name: 'here' }, spec });
  const store = new StoreClient({ endpoints: [shared.endpoint] });
  t.after(() => store.close());
  // As the deletion of a service that cannot be read leaves them.
  const left = { 30_071: 'default/gone', 30_072: 'default/here' };
  for (const [port, value] of Object.entries(left))
    await store.txn([], [{ requestPut: { key: portKey(Number(port)), value } }], []);
  await startApiServer(t, { endpoint: shared.endpoint });
  const isReserved = async (port: number): Promise<boolean> =>
    (await store.range({ key: portKey(port), countOnly: true })).count > 0;
  for (const port of [30_071, 30_072]) await until(async () => !(await isReserved(port)), `${port} is free`);
  assert.equal(await isReserved(30_070), true);
  await shared.ask(200, 'DELETE', `${services}/here`);
});

test('a load balancer that keeps to local endpoints has a port for health checks of its own', async () => {
  const merge = patchAs('merge-patch+json');
  const local = (name: string, healthCheckNodePort?: number): object => ({
    metadata: { name },
    spec: {
      type: 'LoadBalancer',
      ports: [{ port: 80 }],
      externalTrafficPolicy: 'Local',
      ...(healthCheckNodePort === undefined ? {} : { healthCheckNodePort }),
    },
  });
  const made = await shared.ask(201, 'POST', services, local('checked'));
  const port = made.spec.healthCheckNodePort as number;
  assert.ok(port >= 30_000 && port <= 32_767, String(port));
  assert.notEqual(port, made.spec.ports[0].nodePort);

  const taken = await shared.ask(500, 'POST', services, local('greedy', port));
  assert.match(
    taken.message,
    new RegExp(
      `failed to allocate requested HealthCheck NodePort ${port}: provided port is already allocated`,
    ),
  );
  const outside = await shared.ask(500, 'POST', services, local('far', 80));
  assert.match(outside.message, /HealthCheck NodePort 80: provided port is not in the valid range/);

  const { resourceVersion } = made.metadata;
  const body = { ...local('checked'), metadata: { name: 'checked', resourceVersion } };
  const kept = await shared.ask(200, 'PUT', `${services}/checked`, body);
  assert.equal(kept.spec.healthCheckNodePort, port, 'an update that leaves it out keeps it');
  const other = await shared.ask(
    422,
    'PATCH',
    `${services}/checked`,
    { spec: { healthCheckNodePort: port === 31_000 ? 31_001 : 31_000 } },
    merge,
  );
  assert.match(other.message, /spec.healthCheckNodePort: Forbidden: field is immutable/);

  const turned = await shared.ask(
    200,
    'PATCH',
    `${services}/checked`,
    { spec: { externalTrafficPolicy: 'Cluster' } },
    merge,
  );
  assert.equal(turned.spec.healthCheckNodePort, undefined);
  const next = await shared.ask(201, 'POST', services, local('next', port));
  assert.equal(next.spec.healthCheckNodePort, port, 'who gave it back leaves it to others');
  const back = await shared.ask(
    200,
    'PATCH',
    `${services}/checked`,
    { spec: { externalTrafficPolicy: 'Local' } },
    merge,
  );
  assert.notEqual(back.spec.healthCheckNodePort, port);
  for (const name of ['checked', 'next']) await shared.ask(200, 'DELETE', `${services}/${name}`);
  await shared.ask(201, 'POST', services, local('last', port));
});
