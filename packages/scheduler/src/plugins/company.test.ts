import type { Node, Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterState } from '../cluster-state.ts';
import { place } from '../pipeline.ts';
import { defaultProfile, loadProfile } from '../profile.ts';

const profile = loadProfile(defaultProfile);
const zoneKey = 'topology.kubernetes.io/zone';
const hostKey = 'kubernetes.io/hostname';

function node(name: string, zone: string): Node {
  return {
    metadata: { name, labels: { [hostKey]: name, [zoneKey]: zone } },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
  };
}

interface Wish {
  readonly near?: string;
  readonly apart?: string;
  readonly key?: string;
  readonly namespace?: string;
  readonly everywhere?: boolean;
}

let uids = 0;
function pod(app: string, { near, apart, key = hostKey, namespace = 'a', everywhere }: Wish = {}): Pod {
  const uid = `${app}-${uids++}`;
  const term = (wanted: string) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        labelSelector: { matchLabels: { app: wanted } },
        topologyKey: key,
        ...(everywhere === true ? { namespaceSelector: {} } : {}),
      },
    ],
  });
  return {
    metadata: { name: uid, uid, namespace, labels: { app } },
    spec: {
      containers: [],
      affinity: {
        ...(near === undefined ? {} : { podAffinity: term(near) }),
        ...(apart === undefined ? {} : { podAntiAffinity: term(apart) }),
      },
    },
  };
}

/** The nodes that take the pod, on a cluster of a1, a2 in zone a and b1 in zone b. */
function takers(incoming: Pod, placed: readonly (readonly [Pod, string])[]): string[] {
  const nodes = [node('a1', 'a'), node('a2', 'a'), node('b1', 'b')];
  return nodes
    .map(({ metadata }) => metadata?.name ?? '')
    .filter((only) => {
      const state = new ClusterState();
      for (const each of nodes) state.setNode(each);
      for (const [other, on] of placed) state.assume(other, on);
      const selector = { [hostKey]: only };
      const spec = { containers: [], ...incoming.spec, nodeSelector: selector };
      return 'node' in place({ ...incoming, spec }, state, profile, { offset: 0, random: () => 0 });
    });
}

test('pods come near and keep apart as they ask, per topology value and namespace', () => {
  const web = pod('web');
  for (const [what, incoming, placed, expected] of [
    ['nothing asked', pod('db'), [[web, 'a1']], ['a1', 'a2', 'b1']],
    ['apart by host', pod('db', { apart: 'web' }), [[web, 'a1']], ['a2', 'b1']],
    ['apart by zone', pod('db', { apart: 'web', key: zoneKey }), [[web, 'a1']], ['b1']],
    ['others keep it away', pod('db'), [[pod('web', { apart: 'db', key: zoneKey }), 'a2']], ['b1']],
    ['another namespace', pod('db', { apart: 'web', namespace: 'b' }), [[web, 'a1']], ['a1', 'a2', 'b1']],
    [
      'every namespace',
      pod('db', { apart: 'web', namespace: 'b', everywhere: true }),
      [[web, 'a1']],
      ['a2', 'b1'],
    ],
    ['near by zone', pod('db', { near: 'web', key: zoneKey }), [[web, 'a1']], ['a1', 'a2']],
    ['near nobody', pod('db', { near: 'web' }), [], []],
    ['the first of its kind', pod('db', { near: 'db' }), [], ['a1', 'a2', 'b1']],
    ['the second of its kind', pod('db', { near: 'db' }), [[pod('db'), 'b1']], ['b1']],
    [
      'near and apart',
      pod('db', { near: 'web', apart: 'db', key: hostKey }),
      [
        [web, 'a1'],
        [pod('db'), 'a1'],
      ],
      [],
    ],
  ] as const) {
    assert.deepEqual(takers(incoming, placed), expected, what);
  }
});

test('the message tells which rule keeps the pod away', () => {
  const state = new ClusterState();
  state.setNode(node('a1', 'a'));
  state.assume(pod('web', { apart: 'web' }), 'a1');
  const placement = place(pod('web'), state, profile, { offset: 0, random: () => 0 });
  assert.ok('message' in placement);
  assert.match(placement.message, /1 node\(s\) didn't satisfy existing pods anti-affinity rules/);
});
