import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const services = '/api/v1/namespaces/default/services';
const merge = patchAs('merge-patch+json');

interface Port {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly nodePort?: number;
}
type Spec = Readonly<Record<string, unknown>>;
// What an answer holds is for the test to say.
// oxlint-disable-next-line typescript/no-explicit-any
type Answered = Promise<any>;

const service = (name: string, spec: Spec): object => ({
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
});
const create = (status: number, name: string, spec: Spec): Answered =>
  shared.ask(status, 'POST', services, service(name, spec));
const replace = (status: number, name: string, spec: Spec): Answered =>
  shared.ask(status, 'PUT', `${services}/${name}`, service(name, spec));
const patch = (status: number, name: string, spec: Spec): Answered =>
  shared.ask(status, 'PATCH', `${services}/${name}`, { spec }, merge);
const nodePorts = ({ spec }: { spec: { ports: Port[] } }): (number | undefined)[] =>
  spec.ports.map(({ nodePort }) => nodePort);

test('a port on nodes that a balancer chose itself is its own, although it is given none', async () => {
  const chosen = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
  const ports = [{ port: 80, nodePort: 30_050 }];
  assert.deepEqual(nodePorts(await create(201, 'own', { ...chosen, ports })), [30_050]);
  const taken = await create(422, 'other', { type: 'NodePort', ports });
  assert.match(
    taken.message,
    /spec.ports\[0\].nodePort: Invalid value: 30050: provided port is already allocated/,
  );
  const outside = await create(422, 'other', { ...chosen, ports: [{ port: 80, nodePort: 80 }] });
  assert.match(
    outside.message,
    /Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767/,
  );
  for (const nodePort of [-1, 70_000]) {
    const none = await create(422, 'other', { type: 'NodePort', ports: [{ port: 80, nodePort }] });
    assert.match(none.message, /provided port is not in the valid range/);
  }
  await shared.ask(200, 'DELETE', `${services}/own`);
  await create(201, 'other', { type: 'NodePort', ports });
});

test('a balancer that is given no more ports on nodes keeps those that it has until it leaves them out', async () => {
  const [port] = nodePorts(await create(201, 'keeps', { type: 'LoadBalancer' }));
  assert.ok(port !== undefined);
  assert.deepEqual(nodePorts(await patch(200, 'keeps', { allocateLoadBalancerNodePorts: false })), [port]);
  await create(422, 'wants', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
  const without = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
  assert.deepEqual(nodePorts(await replace(200, 'keeps', without)), [undefined]);
  await create(201, 'wants', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
});

test('a port that is left out on nodes is the one that the port of that name had', async () => {
  const both = (a: number, b: number, of = ''): Spec => ({
    type: 'NodePort',
    ports: [
      { name: 'a', port: a },
      { name: `b${of}`, port: b },
    ],
  });
  const [a, b] = nodePorts(await create(201, 'named', both(80, 81)));
  assert.deepEqual(
    nodePorts(await replace(200, 'named', both(81, 80))),
    [a, b],
    'the numbers changed places',
  );
  const renamed = nodePorts(await replace(200, 'named', both(81, 80, '2')));
  assert.equal(renamed[0], a);
  assert.ok(renamed[1] !== b && renamed[1] !== undefined);
  // One port takes over what another had, which is given a new one.
  const ports = [
    { name: 'a', port: 81 },
    { name: 'b2', port: 80, nodePort: a },
  ];
  const moved = nodePorts(await replace(200, 'named', { type: 'NodePort', ports }));
  assert.equal(moved[1], a);
  assert.ok(moved[0] !== a && moved[0] !== undefined);
});

test('one port on all protocols is one port on nodes where the service is new', async () => {
  const udp = { name: 'u', port: 53, protocol: 'UDP' };
  const tcp = { name: 't', port: 53, protocol: 'TCP' };
  const made = nodePorts(await create(201, 'dns', { type: 'NodePort', ports: [udp, tcp] }));
  assert.ok(made[0] !== undefined && made[0] === made[1]);
  const given = await create(201, 'dns-2', { type: 'NodePort', ports: [udp, { ...tcp, nodePort: 30_051 }] });
  assert.deepEqual(nodePorts(given), [30_051, 30_051]);
  const sctp = { name: 's', port: 53, protocol: 'SCTP' };
  const grown = nodePorts(await replace(200, 'dns', { type: 'NodePort', ports: [udp, tcp, sctp] }));
  assert.deepEqual(grown.slice(0, 2), made);
  assert.notEqual(grown[2], made[0]);
  await create(422, 'dns-3', { type: 'NodePort', ports: [{ port: 80, nodePort: made[0] }] });
  const two = [
    { ...udp, nodePort: 30_052 },
    { ...tcp, port: 54, nodePort: 30_052 },
  ];
  const refused = await create(422, 'dns-3', { type: 'NodePort', ports: two });
  assert.match(
    refused.message,
    /spec.ports\[1\].nodePort: Invalid value: 30052: provided port is already allocated/,
  );
});

test('what a balancer reported goes with the type, and its other conditions stay', async () => {
  await create(201, 'balanced', { type: 'LoadBalancer' });
  const ingress = [{ ip: '192.0.2.4' }];
  const conditions = [
    { type: 'x', status: 'True', reason: 'r', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ];
  const status = { loadBalancer: { ingress }, conditions };
  await shared.ask(200, 'PATCH', `${services}/balanced/status`, { status }, merge);
  const turned = await patch(200, 'balanced', { type: 'NodePort' });
  assert.deepEqual(turned.status.loadBalancer, {});
  assert.equal(turned.status.conditions.length, 1);
  const refused = await shared.ask(
    422,
    'PATCH',
    `${services}/balanced/status`,
    { status: { loadBalancer: { ingress } } },
    merge,
  );
  assert.match(
    refused.message,
    /status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'/,
  );
});

test('a service becomes a name and an address again, and refuses what was changed along with it', async () => {
  const [port] = nodePorts(await create(201, 'turns', { type: 'NodePort' }));
  const named = { type: 'ExternalName', externalName: 'a.example' };
  const { spec } = await patch(200, 'turns', named);
  for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'])
    assert.equal(spec[field], undefined, field);
  assert.deepEqual(nodePorts({ spec }), [undefined]);
  await create(201, 'takes', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
  const forbidden =
    /Service "\w+" is invalid: spec.clusterIPs: Forbidden: may not be set for ExternalName services/;
  assert.match((await patch(422, 'turns', { clusterIP: '10.96.0.78' })).message, forbidden);
  assert.match((await create(422, 'none', { ...named, ports: [], clusterIP: 'None' })).message, forbidden);
  const back = await patch(200, 'turns', { type: 'ClusterIP', externalName: null, clusterIP: '10.96.0.79' });
  assert.deepEqual(back.spec.clusterIPs, ['10.96.0.79']);
  assert.match((await patch(422, 'turns', { ...named, clusterIP: '10.96.0.77' })).message, forbidden);
  const headless = await create(201, 'headless', { clusterIP: 'None' });
  assert.deepEqual(headless.spec.ipFamilies, ['IPv4']);
  await patch(200, 'headless', named);
  const found = await patch(200, 'headless', { type: 'ClusterIP', externalName: null });
  assert.match(found.spec.clusterIP, /^10\.96\./);
});

test('the policy of families stays where it is left out, and is any where nobody is selected', async () => {
  const families = async (answer: Answered): Promise<unknown> => {
    const { spec } = await answer;
    return [spec.ipFamilyPolicy, ...spec.ipFamilies];
  };
  await create(201, 'prefers', { ipFamilyPolicy: 'PreferDualStack' });
  assert.deepEqual(await families(replace(200, 'prefers', {})), ['PreferDualStack', 'IPv4']);
  const free = { selector: null, clusterIP: 'None' };
  assert.deepEqual(await families(create(201, 'free', free)), ['RequireDualStack', 'IPv4', 'IPv6']);
  const sixth = create(201, 'free-6', { ...free, ipFamilies: ['IPv6'] });
  assert.deepEqual(await families(sixth), ['RequireDualStack', 'IPv6', 'IPv4']);
  assert.deepEqual(await families(patch(200, 'free', { ipFamilyPolicy: 'SingleStack' })), [
    'SingleStack',
    'IPv4',
  ]);
  await create(201, 'either', { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' });
  assert.deepEqual(await families(patch(200, 'either', { selector: null })), ['PreferDualStack', 'IPv4']);
  const fewer = await patch(422, 'free-6', { ipFamilies: ['IPv6'] });
  assert.match(
    fewer.message,
    /spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary IP family/,
  );
  const both = await create(422, 'both', { ipFamilies: ['IPv4', 'IPv6'] });
  assert.match(
    both.message,
    /spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified/,
  );
  const other = await create(422, 'six', { clusterIP: 'fd00::1' });
  assert.match(
    other.message,
    /spec.clusterIPs\[0\]: Invalid value: \["fd00::1"\]: IPv6 is not configured on this cluster/,
  );
  const two = await create(422, 'two', { clusterIP: '10.96.0.90', clusterIPs: ['10.96.0.90', 'fd00::1'] });
  assert.match(two.message, /when multiple cluster IPs are specified/);
});

test('endpoints go with their service, unless something keeps them', async () => {
  const core = '/api/v1/namespaces/default/endpoints';
  await create(201, 'left', {});
  await create(201, 'kept', {});
  await shared.ask(201, 'POST', core, { metadata: { name: 'left' } });
  await shared.ask(201, 'POST', core, { metadata: { name: 'kept', finalizers: ['example.com/keep'] } });
  await shared.ask(200, 'DELETE', `${services}/left?dryRun=All`);
  await shared.ask(200, 'GET', `${core}/left`);
  for (const name of ['left', 'kept']) await shared.ask(200, 'DELETE', `${services}/${name}`);
  await shared.ask(404, 'GET', `${core}/left`);
  await shared.ask(200, 'GET', `${core}/kept`);
});
