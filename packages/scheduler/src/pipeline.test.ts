import type { Node, Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterState } from './cluster-state.ts';
import { place, type Placement } from './pipeline.ts';
import { defaultProfile, loadProfile } from './profile.ts';

const profile = loadProfile(defaultProfile);
let uids = 0;

function node(name: string, extra: Partial<Node> = {}, cpu = '4', memory = '8Gi', pods = '110'): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...extra.metadata?.labels } },
    spec: extra.spec ?? {},
    status: { allocatable: { cpu, memory, pods } },
  };
}

function pod(requests: Record<string, string> = {}, extra: Pod['spec'] | object = {}, owner?: string): Pod {
  const uid = `u${uids++}`;
  const references = [
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: owner ?? '', controller: true },
  ];
  return {
    metadata: {
      name: uid,
      namespace: 'a',
      uid,
      labels: { app: 'x' },
      ...(owner === undefined ? {} : { ownerReferences: references }),
    },
    spec: { containers: [{ name: 'c', resources: { requests } }], ...extra },
  };
}

function cluster(...nodes: readonly Node[]): ClusterState {
  const state = new ClusterState();
  for (const each of nodes) state.setNode(each);
  return state;
}

function tryPlace(state: ClusterState, subject: Pod): Placement {
  return place(subject, state, profile, { offset: 0, random: () => 0 });
}

function nodeOf(placement: Placement): string {
  assert.ok('node' in placement, 'message' in placement ? placement.message : '');
  return placement.node;
}

function messageOf(placement: Placement): string {
  assert.ok('message' in placement);
  return placement.message;
}

test('a pod goes where its requests fit, and the message counts the reasons where they do not', () => {
  const state = cluster(node('small', {}, '1'), node('large'));
  assert.equal(nodeOf(tryPlace(state, pod({ cpu: '2' }))), 'large');
  assert.equal(
    messageOf(tryPlace(state, pod({ cpu: '5', memory: '1Ti' }))),
    '0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.',
  );
  assert.equal(messageOf(tryPlace(cluster(), pod())), 'no nodes available to schedule pods');
});

test('assumed pods count, forgotten ones do not, and confirmed ones are not counted twice', () => {
  const state = cluster(node('n', {}, '1'));
  const first = pod({ cpu: '600m' });
  state.assume(first, 'n');
  assert.match(messageOf(tryPlace(state, pod({ cpu: '600m' }))), /Insufficient cpu/);
  state.forget(first);
  assert.equal(nodeOf(tryPlace(state, pod({ cpu: '600m' }))), 'n');
  state.assume(first, 'n');
  state.setPod({ ...first, spec: { containers: first.spec?.containers ?? [], nodeName: 'n' } });
  state.forget(first);
  assert.equal(state.node('n')?.requested.cpu, 600);
  state.setPod({ ...first, spec: { containers: [], nodeName: 'n' }, status: { phase: 'Succeeded' } });
  assert.equal(state.node('n')?.requested.cpu, 0);
});

test('taints, cordons, selectors, affinity and host ports keep pods away unless they say otherwise', () => {
  const tainted = { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' as const }] } };
  const disk = { metadata: { labels: { disk: 'ssd' } } };
  const port = { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] };
  const affinity = (operator: string, values: string[]): object => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator, values }] }],
        },
      },
    },
  });
  const taken = cluster(node('n'));
  taken.assume(pod({}, port), 'n');
  for (const [state, subject, expected] of [
    [cluster(node('n', tainted)), pod(), '0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.'],
    [cluster(node('n', tainted)), pod({}, { tolerations: [{ key: 'k', operator: 'Exists' }] }), 'n'],
    [cluster(node('n', tainted)), pod({}, { tolerations: [{ operator: 'Exists' }] }), 'n'],
    [
      cluster(node('n', { spec: { unschedulable: true } })),
      pod(),
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      cluster(node('n')),
      pod({}, { nodeSelector: { disk: 'ssd' } }),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [cluster(node('n'), node('m', disk)), pod({}, { nodeSelector: { disk: 'ssd' } }), 'm'],
    [cluster(node('n'), node('m', disk)), pod({}, affinity('In', ['ssd', 'nvme'])), 'm'],
    [cluster(node('n'), node('m', disk)), pod({}, affinity('DoesNotExist', [])), 'n'],
    [
      taken,
      pod({}, port),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [cluster(node('n', {}, '4', '8Gi', '0')), pod(), '0/1 nodes are available: 1 Too many pods.'],
  ] as const) {
    const placement = tryPlace(state, subject);
    assert.equal('node' in placement ? placement.node : placement.message, expected);
  }
});

test('pods of one owner go apart, even when they ask for nothing', () => {
  const state = cluster(node('a'), node('b'), node('c'));
  const counts = new Map<string, number>();
  for (let i = 0; i < 9; i++) {
    const subject = pod({}, {}, 'rs');
    const chosen = nodeOf(tryPlace(state, subject));
    state.assume(subject, chosen);
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  assert.deepEqual([...counts.values()], [3, 3, 3]);
});

test('a hard spread constraint forbids what would exceed its skew', () => {
  const zone = (name: string): Partial<Node> => ({ metadata: { labels: { zone: name } } });
  const state = cluster(node('a', zone('1')), node('b', zone('2'), '10m'));
  const constraint = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'x' } },
      },
    ],
  };
  const first = pod({ cpu: '100m' }, constraint);
  state.assume(first, nodeOf(tryPlace(state, first)));
  assert.equal(
    messageOf(tryPlace(state, pod({ cpu: '100m' }, constraint))),
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints.",
  );
});

test('emptier nodes are preferred', () => {
  const state = cluster(node('busy'), node('idle'));
  state.assume(pod({ cpu: '2', memory: '4Gi' }), 'busy');
  assert.equal(nodeOf(tryPlace(state, pod({ cpu: '1', memory: '2Gi' }))), 'idle');
});

test('a profile that names an unknown plugin is refused with the names there are', () => {
  assert.throws(
    () => loadProfile({ schedulerName: 'x', plugins: [{ name: 'Nope', weight: 1 }] }),
    /plugin "Nope" is unknown; there are NodeUnschedulable/,
  );
});
