import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterSpec, planCluster } from './plan.ts';
import { hostStoreEndpoints, storeProblem } from './store-endpoints.ts';

const spec: ClusterSpec = {
  name: 'x',
  masters: 1,
  workers: 0,
  runtime: 'timonier',
  storeEndpoints: [],
  subnet: 9,
};

test('hosts reach an etcd on the machine’s loopback through the bridge, and any other as it is', () => {
  const storeEndpoints = ['http://127.0.0.1:2379', 'http://localhost', 'http://10.1.2.3:4001'];
  assert.deepEqual(hostStoreEndpoints(planCluster({ ...spec, storeEndpoints })), [
    'http://10.88.9.1:2379',
    'http://10.88.9.1:2379',
    'http://10.1.2.3:4001',
  ]);
});

test('what is not a URL is refused with an example', () => {
  const plan = planCluster({ ...spec, storeEndpoints: ['nonsense'] });
  assert.throws(() => hostStoreEndpoints(plan), /"nonsense" is not a URL such as/);
});

test('an etcd over https needs all three files, and one over http takes none', () => {
  const storeTls = { ca: '/a', cert: '/b', key: '/c' };
  const [http, https] = ['http://10.1.2.3', 'https://10.1.2.3'];
  const table: [string[], typeof storeTls | undefined, RegExp | undefined][] = [
    [[], undefined, undefined],
    [[http], undefined, undefined],
    [[https], storeTls, undefined],
    [[https], undefined, /https:\/\/10.1.2.3 needs --store-cafile, --store-certfile and --store-keyfile/],
    [[https], { ...storeTls, key: '' }, /come together/],
    [[https, http], storeTls, /are for --store-endpoints over https/],
    [[], storeTls, /are for --store-endpoints over https/],
  ];
  for (const [storeEndpoints, files, expected] of table) {
    const problem = storeProblem({ storeEndpoints, ...(files === undefined ? {} : { storeTls: files }) });
    if (expected === undefined) assert.equal(problem, undefined);
    else assert.match(problem ?? '', expected);
  }
});
