import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterSpec, maxMasters, maxWorkers, planCluster, specProblem } from './plan.ts';
import { resolveSpec } from './settings.ts';

const spec: ClusterSpec = {
  name: 'a'.repeat(30),
  masters: 3,
  workers: 2,
  runtime: 'timonier',
  storeEndpoints: [],
  subnet: 200,
};

test('every name fits the kernel and every address is different, in the largest cluster too', () => {
  const { hosts, bridge, gateway, vip } = planCluster({ ...spec, masters: maxMasters, workers: maxWorkers });
  for (const name of [bridge, ...hosts.map((host) => host.link)]) assert.ok(name.length <= 15, name);
  const addresses = [gateway, vip, ...hosts.map((host) => host.address)];
  assert.equal(new Set(addresses).size, addresses.length);
  assert.equal(new Set(hosts.map((host) => host.mac)).size, hosts.length);
});

test('masters run pods only when there are no workers', () => {
  const schedulable = (workers: number): boolean[] =>
    planCluster({ ...spec, workers }).hosts.map((host) => host.schedulable);
  assert.deepEqual(schedulable(1), [false, false, false, true]);
  assert.deepEqual(schedulable(0), [true, true, true]);
});

test('a size or name that cannot work is refused with the reason', () => {
  assert.equal(specProblem({ name: 'x', masters: 3, workers: 2 }), undefined);
  assert.match(specProblem({ name: 'x', masters: 2, workers: 2 }) ?? '', /survives no more failures than 1/);
  assert.match(specProblem({ name: 'x', masters: 7, workers: 2 }) ?? '', /--masters must be from 1 to 5/);
  assert.match(specProblem({ name: 'x', masters: 3, workers: -1 }) ?? '', /--workers/);
  assert.match(specProblem({ name: 'Über', masters: 3, workers: 2 }) ?? '', /lower-case/);
});

test('a second up resumes what is stored and refuses what contradicts it', () => {
  const resumed = resolveSpec({ name: spec.name, workers: 1 }, spec, '/data');
  assert.deepEqual(resumed, { ...spec, workers: 1, apiserverArguments: [] });
  const stored = { ...spec, apiserverArguments: ['v=2'] };
  assert.deepEqual(resolveSpec({ name: spec.name }, stored, '/data').apiserverArguments, ['v=2']);
  const others = { name: spec.name, apiserverArguments: [] };
  assert.deepEqual(resolveSpec(others, stored, '/data').apiserverArguments, []);
  assert.throws(
    () => resolveSpec({ name: 'other' }, spec, '/data'),
    /\/data holds the data of the cluster "a+"/,
  );
  assert.throws(
    () => resolveSpec({ name: spec.name, masters: 1 }, spec, '/data'),
    /a cluster of 3 masters, not 1/,
  );
  assert.equal(resolveSpec({ name: 'new' }, undefined, '/data').subnet, undefined);
});
