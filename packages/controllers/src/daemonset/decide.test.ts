import type { ControllerRevision, DaemonSet, Node, Pod, Taint, Toleration } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../backoff.ts';
import { decide, type DaemonSetDecision, type DaemonSetState } from './decide.ts';
import { expiredRevisions, historyOf } from './history.ts';
import { nodeOf, placementOn } from './nodes.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
type Spec = NonNullable<DaemonSet['spec']>;

function daemonSet(
  spec: Partial<Spec> = {},
  pod: Partial<Spec['template']['spec'] & object> = {},
): DaemonSet {
  return {
    metadata: { name: 'agent', namespace: 'a', uid: 'ds', generation: 2 },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [], ...pod } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
  };
}

function node(name: string, taints: Taint[] = [], labels: Record<string, string> = {}): Node {
  return { metadata: { name, labels }, ...(taints.length === 0 ? {} : { spec: { taints } }) };
}

interface PodOptions {
  readonly hash?: string;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly deleting?: boolean;
  readonly created?: string;
  readonly owner?: string | null;
  readonly app?: string;
  readonly placed?: boolean;
}

function pod(name: string, on: string, options: PodOptions = {}): Pod {
  const {
    hash = 'new',
    ready = true,
    phase = 'Running',
    owner = 'ds',
    app = 'agent',
    placed = true,
  } = options;
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [on] }] }],
    },
  };
  return {
    metadata: {
      name,
      uid: name,
      namespace: 'a',
      labels: { app, 'controller-revision-hash': hash },
      creationTimestamp: options.created ?? '2026-01-01T00:00:00Z',
      ...(options.deleting === true ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
      ...(owner === null
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: owner, controller: true },
            ],
          }),
    },
    spec: { containers: [], affinity: { nodeAffinity }, ...(placed ? { nodeName: on } : {}) },
    status: {
      phase,
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:59:00Z' },
      ],
    } as Pod['status'] & object,
  };
}

function decideOn(state: Partial<DaemonSetState>): DaemonSetDecision {
  return decide({
    set: daemonSet(),
    hash: 'new',
    pods: [],
    nodes: [node('n1'), node('n2'), node('n3')],
    now,
    backoffMs: () => 0,
    ...state,
  });
}

const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata?.name);
const targets = ({ create }: DaemonSetDecision): (string | undefined)[] => create.map(nodeOf);

test('every node gets a pod of its own, bound to it by name, that bears what may be wrong with a node', () => {
  const required = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' as const }] }],
    },
  };
  const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [] };
  const tolerations: Toleration[] = [
    { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
    { key: 'mine', operator: 'Exists' },
  ];
  const affinity = { nodeAffinity: required, podAffinity };
  const set = daemonSet({}, { tolerations, affinity, hostNetwork: true });
  const nodes = [node('n1', [], { zone: 'z' }), node('n2'), node('n3', [], { zone: 'z' })];
  const decision = decideOn({ set, nodes });
  assert.deepEqual(targets(decision), ['n1', 'n3']);
  const [first] = decision.create;
  assert.equal(first?.metadata?.generateName, 'agent-');
  assert.deepEqual(first?.metadata?.labels, { app: 'agent', 'controller-revision-hash': 'new' });
  assert.equal(first?.spec?.nodeName, undefined);
  assert.deepEqual(first?.spec?.affinity?.podAffinity, podAffinity);
  assert.deepEqual(
    first?.spec?.tolerations?.map(({ key, effect, tolerationSeconds }) => [key, effect, tolerationSeconds]),
    [
      ['mine', undefined, undefined],
      ['node.kubernetes.io/not-ready', 'NoExecute', undefined],
      ['node.kubernetes.io/unreachable', 'NoExecute', undefined],
      ['node.kubernetes.io/disk-pressure', 'NoSchedule', undefined],
      ['node.kubernetes.io/memory-pressure', 'NoSchedule', undefined],
      ['node.kubernetes.io/pid-pressure', 'NoSchedule', undefined],
      ['node.kubernetes.io/unschedulable', 'NoSchedule', undefined],
      ['node.kubernetes.io/network-unavailable', 'NoSchedule', undefined],
    ],
  );
});

const placements: readonly [string, DaemonSet, Node, [run: boolean, stay: boolean]][] = [
  ['a plain node', daemonSet(), node('n'), [true, true]],
  ['a taint that forbids', daemonSet(), node('n', [{ key: 'k', effect: 'NoSchedule' }]), [false, true]],
  ['a taint that drives away', daemonSet(), node('n', [{ key: 'k', effect: 'NoExecute' }]), [false, false]],
  [
    'a taint that discourages',
    daemonSet(),
    node('n', [{ key: 'k', effect: 'PreferNoSchedule' }]),
    [true, true],
  ],
  [
    'a lost node',
    daemonSet(),
    node('n', [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }]),
    [true, true],
  ],
  [
    'a node without network, for pods that need one',
    daemonSet(),
    node('n', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
    [false, true],
  ],
  [
    'the same for pods of the host’s network',
    daemonSet({}, { hostNetwork: true }),
    node('n', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
    [true, true],
  ],
  [
    'a tolerated taint',
    daemonSet({}, { tolerations: [{ operator: 'Exists' }] }),
    node('n', [{ key: 'k', effect: 'NoExecute' }]),
    [true, true],
  ],
  ['another selector', daemonSet({}, { nodeSelector: { pool: 'x' } }), node('n'), [false, false]],
  ['a node that the template does not name', daemonSet({}, { nodeName: 'm' }), node('n'), [false, false]],
];
for (const [name, set, on, [run, stay]] of placements) {
  test(`placement: ${name}`, () => {
    assert.deepEqual(placementOn(set, on), { run, stay });
  });
}

test('doubles go but the oldest, pods where none belongs go, and pods for nodes that are gone', () => {
  const pods = [
    pod('young', 'n1', { created: '2026-01-01T00:10:00Z' }),
    pod('old', 'n1'),
    pod('unplaced', 'n1', { placed: false, created: '2025-01-01T00:00:00Z' }),
    pod('misplaced', 'n2'),
    pod('never-placed', 'n9', { placed: false }),
    pod('on-lost-node', 'n8'),
  ];
  const nodes = [node('n1'), node('n2', [{ key: 'k', effect: 'NoExecute' }])];
  const decision = decideOn({ pods, nodes });
  assert.deepEqual(names(decision.delete), ['young', 'unplaced', 'misplaced', 'never-placed']);
  assert.deepEqual(targets(decision), []);
  assert.equal(decision.status?.numberMisscheduled, 1);
});

test('a pod that is leaving holds its place until it is gone; one that has ended and leaves does not', () => {
  const pods = [
    pod('leaving', 'n1', { deleting: true }),
    pod('ended', 'n2', { deleting: true, phase: 'Failed' }),
  ];
  assert.deepEqual(targets(decideOn({ pods, nodes: [node('n1'), node('n2')] })), ['n2']);
});

test('failed pods are removed with a word, later when the node is in back-off; finished ones at once', () => {
  const pods = [
    pod('a', 'n1', { phase: 'Failed' }),
    pod('b', 'n2', { phase: 'Failed' }),
    pod('c', 'n3', { phase: 'Succeeded' }),
  ];
  const decision = decideOn({ pods, backoffMs: (on) => (on === 'n2' ? 4_000 : 0) });
  assert.deepEqual(names(decision.delete), ['a', 'c']);
  assert.deepEqual(decision.failedOn, ['n1']);
  assert.equal(decision.againAfterMs, 4_000);
  assert.deepEqual(
    decision.notices.map(({ reason, message }) => `${reason}: ${message}`),
    [
      'FailedDaemonPod: Found failed daemon pod a/a on node n1, will try to kill it',
      'SucceededDaemonPod: Found succeeded daemon pod a/c on node n3, will try to delete it',
    ],
  );
});

test('back-off doubles up to its bound and is forgotten in quiet times', () => {
  const backoff = new Backoff(1_000, 3_000);
  assert.equal(backoff.leftMs('k', 0), 0);
  const waits: number[] = [];
  for (let at = 0; waits.length < 3; at += 3_000) {
    backoff.failed('k', at);
    waits.push(backoff.leftMs('k', at));
  }
  assert.deepEqual(waits, [1_000, 2_000, 3_000]);
  assert.equal(backoff.leftMs('k', 8_000), 1_000);
  backoff.failed('k', 20_000);
  assert.equal(backoff.leftMs('k', 20_000), 1_000);
});

test('matching orphans are adopted, pods that no longer match are let go and replaced', () => {
  const pods = [pod('orphan', 'n1', { owner: null }), pod('changed', 'n2', { app: 'other' })];
  const decision = decideOn({ pods, nodes: [node('n1'), node('n2')] });
  assert.deepEqual([names(decision.adopt), names(decision.release)], [['orphan'], ['changed']]);
  assert.deepEqual(targets(decision), ['n2']);
});

const limit = (maxUnavailable: number | string, maxSurge: number | string = 0): Partial<Spec> => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
});
const old = { hash: 'old' };
const sick = { hash: 'old', ready: false };

const rollouts: readonly [string, Partial<Spec>, Pod[], { delete: string[]; create?: string[] }][] = [
  [
    'one by one',
    limit(1),
    [pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: ['a'] },
  ],
  [
    'half at once, rounded up',
    limit('50%'),
    [pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: ['a', 'b'] },
  ],
  [
    'nothing while a new one is not ready',
    limit(1),
    [pod('a', 'n1', { ready: false }), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: [] },
  ],
  [
    'nothing while one is leaving',
    limit(1),
    [pod('a', 'n1', { ...old, deleting: true }), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: [] },
  ],
  [
    'those that serve nobody first, and they count',
    limit(1),
    [pod('a', 'n1', old), pod('b', 'n2', sick), pod('c', 'n3', old)],
    { delete: ['b'] },
  ],
  [
    'nothing by itself on delete',
    { updateStrategy: { type: 'OnDelete' } },
    [pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', sick)],
    { delete: [] },
  ],
  [
    'surging, beside the old one',
    limit(0, 1),
    [pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: [], create: ['n1'] },
  ],
  [
    'surging, at once where the old one serves nobody',
    limit(0, 1),
    [pod('a', 'n1', old), pod('b', 'n2', sick), pod('c', 'n3', old)],
    { delete: [], create: ['n2', 'n1'] },
  ],
  [
    'surging, not beyond the limit',
    limit(0, 1),
    [pod('a', 'n1', old), pod('a2', 'n1', { ready: false }), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: [], create: [] },
  ],
  [
    'surging, the old one goes when the new one is there',
    limit(0, 1),
    [pod('a', 'n1', old), pod('a2', 'n1'), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: ['a'], create: [] },
  ],
  [
    'surging, the old one goes when it is not ready',
    limit(0, 1),
    [pod('a', 'n1', sick), pod('a2', 'n1', { ready: false }), pod('b', 'n2'), pod('c', 'n3')],
    { delete: ['a'], create: [] },
  ],
  [
    'surging, a node whose pod leaves gets the next at once',
    limit(0, 1),
    [pod('a', 'n1', { ...old, deleting: true }), pod('b', 'n2'), pod('c', 'n3')],
    { delete: [], create: ['n1'] },
  ],
  [
    'not available before minReadySeconds',
    { ...limit(1), minReadySeconds: 90 },
    [pod('a', 'n1'), pod('b', 'n2', old), pod('c', 'n3', old)],
    { delete: ['b', 'c'] },
  ],
];
for (const [name, spec, pods, wanted] of rollouts) {
  test(`rollout: ${name}`, () => {
    const decision = decideOn({ set: daemonSet(spec), pods });
    assert.deepEqual(names(decision.delete), wanted.delete);
    assert.deepEqual(targets(decision), wanted.create ?? []);
  });
}

test('the status counts nodes, and looks again when a pod will be available', () => {
  const set = daemonSet({ minReadySeconds: 90, updateStrategy: { type: 'OnDelete' } });
  const decision = decideOn({ set, pods: [pod('a', 'n1'), pod('b', 'n2', sick)] });
  assert.deepEqual(decision.status, {
    desiredNumberScheduled: 3,
    currentNumberScheduled: 2,
    numberMisscheduled: 0,
    numberReady: 1,
    updatedNumberScheduled: 1,
    numberUnavailable: 3,
    observedGeneration: 2,
  });
  assert.equal(decision.againAfterMs, 30_000);
  const { status } = decision;
  assert.equal(
    decideOn({ set: { ...set, status }, pods: [pod('a', 'n1'), pod('b', 'n2', sick)] }).status,
    undefined,
  );
});

/** As the API server would have stored it. */
function stored(revision: ControllerRevision, uid: string): ControllerRevision {
  const metadata = { ...revision.metadata, uid };
  return structuredClone({ ...revision, metadata });
}

test('each template has one revision; going back makes its number the highest, and the oldest unused ones expire', () => {
  const first = historyOf(daemonSet(), [], []);
  assert.equal(first.change, 'create');
  assert.equal(first.current.revision, 1);
  const one = stored(first.current, 'one');
  const image = { containers: [{ name: 'c', image: 'v2' }] };
  const second = historyOf(daemonSet({}, image), [one], []);
  assert.deepEqual([second.change, second.current.revision, second.old.length], ['create', 2, 1]);
  const two = stored(second.current, 'two');
  const settled = historyOf(daemonSet({}, image), [one, two], []);
  assert.deepEqual([settled.change, settled.current.metadata?.uid], ['none', 'two']);
  const back = historyOf(daemonSet(), [one, two], []);
  assert.deepEqual([back.change, back.current.metadata?.uid, back.current.revision], ['update', 'one', 3]);

  const keepNone = daemonSet({ revisionHistoryLimit: 0 });
  const hash = two.metadata?.labels?.['controller-revision-hash'] ?? '';
  assert.deepEqual(expiredRevisions(keepNone, [two], [pod('a', 'n1', { hash })]), []);
  assert.deepEqual(expiredRevisions(keepNone, [two], []), [two]);
  assert.deepEqual(expiredRevisions(daemonSet(), [two], []), []);
});

test('a hash that another template has is avoided once collisions are counted, and doubles of a revision are merged', () => {
  const set = daemonSet();
  const plain = historyOf(set, [], []).current;
  const status = {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  };
  const other = historyOf({ ...set, status: { ...status, collisionCount: 1 } }, [], []).current;
  assert.notEqual(plain.metadata?.name, other.metadata?.name);
  const double = stored({ ...other, revision: 2 }, 'double');
  const hash = plain.metadata?.labels?.['controller-revision-hash'] ?? '';
  const merged = historyOf(set, [stored(plain, 'plain'), double], [pod('a', 'n1', { hash })]);
  assert.equal(merged.current.metadata?.uid, 'double');
  assert.deepEqual(
    merged.duplicates.map(({ metadata }) => metadata?.uid),
    ['plain'],
  );
  assert.deepEqual(names(merged.relabel), ['a']);
});
