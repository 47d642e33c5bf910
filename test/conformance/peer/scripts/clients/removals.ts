/** How objects go: with dependents, finalizers and second thoughts; and many at once. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import {
  apps,
  configMap,
  core,
  get,
  inTurn,
  patch,
  post,
  put,
  remove,
  template,
  widget,
  widgets,
} from './world.ts';

type Json = Record<string, unknown>;

export async function removals(comparison: Comparison): Promise<void> {
  await waiting(comparison);
  await dependents(comparison);
  await collections(comparison);
}

const deployment = (name: string, metadata: Json = {}): Json => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, ...metadata },
  spec: { replicas: 1, selector: { matchLabels: { app: 'x' } }, template: template() },
});

/** Each way to go, and everything that can be done to what is on its way. */
async function waiting(comparison: Comparison): Promise<void> {
  const makers: Readonly<Record<string, readonly [path: string, (name: string, metadata: Json) => Json]>> = {
    deployment: [`${apps}/deployments`, deployment],
    map: [
      `${core}/configmaps`,
      (name, metadata) => ({ ...configMap(name), metadata: { name, ...metadata } }),
    ],
    widget: [widgets, (name, metadata) => ({ ...widget(name), metadata: { name, ...metadata } })],
    job: [
      '/apis/batch/v1/namespaces/clients/jobs',
      (name, metadata) => ({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name, ...metadata },
        spec: {
          template: { spec: { containers: [{ name: 'one', image: 'demo:1' }], restartPolicy: 'Never' } },
        },
      }),
    ],
    controller: [
      `${core}/replicationcontrollers`,
      (name, metadata) => ({
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { name, ...metadata },
        spec: { selector: { app: 'x' }, template: template() },
      }),
    ],
  };
  const ways: Readonly<Record<string, Json>> = {
    'told nothing': {},
    foreground: { propagationPolicy: 'Foreground' },
    background: { propagationPolicy: 'Background' },
    orphans: { propagationPolicy: 'Orphan' },
    'orphans as before': { orphanDependents: true },
    'no orphans as before': { orphanDependents: false },
  };
  const finalizers: Readonly<Record<string, readonly string[]>> = {
    none: [],
    own: ['example.com/x'],
    'foreground already': ['foregroundDeletion'],
    'orphan already': ['orphan'],
    both: ['orphan', 'foregroundDeletion', 'example.com/x'],
  };
  for (const [kind, [path, make]] of Object.entries(makers))
    for (const [way, options] of Object.entries(ways))
      for (const [guarded, list] of Object.entries(finalizers)) {
        const title = `${kind} ${way} with ${guarded}`;
        const name = title.replaceAll(' ', '-');
        await comparison.both(title, post(path, make(name, list.length > 0 ? { finalizers: list } : {})));
        await comparison.compare(`${title}: goes`, remove(`${path}/${name}`, options));
        await comparison.compare(`${title}: is`, get(`${path}/${name}`));
      }
  await onTheWay(comparison);
}

async function onTheWay(comparison: Comparison): Promise<void> {
  const path = `${apps}/deployments`;
  const at = `${path}/going`;
  await inTurn(comparison, {
    made: post(path, deployment('going', { finalizers: ['example.com/x', 'example.com/y'] })),
    'goes before its dependents': remove(at, { propagationPolicy: 'Foreground' }),
    'goes again': remove(at),
    'goes again with orphans': remove(at, { propagationPolicy: 'Orphan' }),
    'goes again in the background': remove(at, { propagationPolicy: 'Background' }),
    'is changed': patch('merge', `${at}?fieldManager=x`, { spec: { replicas: 5 } }),
    'is scaled': patch('merge', `${at}/scale`, { spec: { replicas: 6 } }),
    'has a new status': patch('merge', `${at}/status`, { status: { replicas: 1 } }),
    'is applied': patch(
      'apply',
      `${at}?fieldManager=applier&force=true`,
      deployment('going', { labels: { a: 'b' } }),
    ),
    'gets another finalizer': patch('json', at, [
      { op: 'add', path: '/metadata/finalizers/-', value: 'example.com/z' },
    ]),
    'has its finalizers in another order': patch('merge', at, {
      metadata: { finalizers: ['foregroundDeletion', 'example.com/y', 'example.com/x'] },
    }),
    'is not to go after all': patch('merge', at, { metadata: { deletionTimestamp: null } }),
    'is to go another time': patch('merge', at, { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } }),
    'is to go with more grace': patch('merge', at, { metadata: { deletionGracePeriodSeconds: 99 } }),
    'is made again': post(path, deployment('going')),
    'loses one finalizer': patch('merge', at, { metadata: { finalizers: ['example.com/x'] } }),
    'loses the last in a rehearsal': patch('merge', `${at}?dryRun=All`, { metadata: { finalizers: [] } }),
    'loses the last': patch('merge', at, { metadata: { finalizers: [] } }),
    'is gone': get(at),
  });
  const map = `${core}/configmaps/going`;
  await inTurn(comparison, {
    'a map': post(`${core}/configmaps`, {
      ...configMap('going'),
      metadata: { name: 'going', finalizers: ['example.com/x'] },
    }),
    'a map goes': remove(`${map}?gracePeriodSeconds=30`),
    'a map goes now': remove(`${map}?gracePeriodSeconds=0`),
    'a map loses its finalizer by an update': (side) =>
      put(map, {
        ...side.saw('a map goes'),
        metadata: { ...side.saw('a map goes')?.metadata, finalizers: [] },
      }),
    'a map is gone': get(map),
  });
}

/** What owns and what is owned: nobody collects here, so that it shows what the server itself does. */
async function dependents(comparison: Comparison): Promise<void> {
  const path = `${core}/configmaps`;
  await comparison.both('owner', post(path, configMap('owner')));
  const reference =
    (more: Json): SidedCall =>
    (side) =>
      post(`${path}?dryRun=All`, {
        ...configMap('dependent'),
        metadata: {
          name: 'dependent',
          ownerReferences: [
            {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              name: 'owner',
              uid: side.saw('owner')?.metadata?.uid,
              ...more,
            },
          ],
        },
      });
  await inTurn(comparison, {
    'owned by what is': reference({}),
    'owned and blocking': reference({ blockOwnerDeletion: true }),
    'owned and controlled': reference({ controller: true, blockOwnerDeletion: true }),
    'owned by an unknown kind': reference({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      blockOwnerDeletion: true,
    }),
    'owned by a kind of the core written wrong': reference({ apiVersion: 'core/v1' }),
    'owned without a uid': reference({ uid: '' }),
    'owned without a name': reference({ name: '' }),
    'owned by no version': reference({ apiVersion: '' }),
    'owned by a bad version': reference({ apiVersion: 'a/b/c' }),
    'owned by an event': reference({ apiVersion: 'v1', kind: 'Event' }),
    'owned by an event of its group': reference({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }),
    'owned by one with unknown fields': reference({ what: 1 }),
  });
}

async function collections(comparison: Comparison): Promise<void> {
  const path = `${core}/configmaps`;
  const dry = `${path}?dryRun=All`;
  for (const name of ['many-1', 'many-2', 'many-3'])
    await comparison.both(name, post(path, configMap(name, { many: 'yes', name })));
  await comparison.both('list', get(`${path}?labelSelector=many`));
  const only = 'labelSelector=many';
  // A body stands for all parameters.
  const rehearsed = (options: Json): SidedCall => remove(`${path}?${only}`, { ...options, dryRun: ['All'] });
  const version = (side: {
    saw(title: string): { metadata?: { resourceVersion?: string } } | undefined;
  }): string => side.saw('list')?.metadata?.resourceVersion ?? '';
  await inTurn(comparison, {
    'many in a rehearsal': remove(`${dry}&${only}`),
    'many by a field': remove(`${dry}&fieldSelector=metadata.name%3Dmany-1`),
    'many by a field that is none': remove(`${dry}&fieldSelector=what%3Dx`),
    'many by both': remove(`${dry}&${only}&fieldSelector=metadata.name%3Dmany-2`),
    'none of many': remove(`${dry}&labelSelector=none%3Dsuch`),
    'two of many': remove(`${dry}&${only}&limit=2`),
    'many at a version': (side) => remove(`${dry}&${only}&resourceVersion=${version(side)}`),
    'many at exactly a version': (side) =>
      remove(`${dry}&${only}&resourceVersion=${version(side)}&resourceVersionMatch=Exact`),
    'many not older': (side) =>
      remove(`${dry}&${only}&resourceVersion=${version(side)}&resourceVersionMatch=NotOlderThan`),
    'many with a match alone': remove(`${dry}&${only}&resourceVersionMatch=Exact`),
    'many at version 0': remove(`${dry}&${only}&resourceVersion=0`),
    'many at a bad version': remove(`${dry}&${only}&resourceVersion=x`),
    'many from a bad page': remove(`${dry}&${only}&continue=x`),
    'many with initial events': remove(`${dry}&${only}&sendInitialEvents=true`),
    'many before their dependents': rehearsed({ propagationPolicy: 'Foreground' }),
    'many with a bad propagation': rehearsed({ propagationPolicy: 'What' }),
    'many with a uid': rehearsed({ preconditions: { uid: 'other' } }),
    'many with a version in the options': rehearsed({ preconditions: { resourceVersion: '1' } }),
    'many with grace': remove(`${dry}&${only}&gracePeriodSeconds=5`),
    'many with negative grace': rehearsed({ gracePeriodSeconds: -1 }),
    'many with options of another kind': rehearsed({ apiVersion: 'v1', kind: 'ConfigMap' }),
    'many with a body of a list': remove(`${dry}&${only}`, []),
    'many as a table': {
      ...remove(`${dry}&${only}`),
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    },
    'many as metadata': {
      ...remove(`${dry}&${only}`),
      headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
    },
    'many in protobuf': {
      ...remove(`${dry}&${only}`),
      headers: { accept: 'application/vnd.kubernetes.protobuf' },
    },
    'many in all namespaces': remove(`/api/v1/configmaps?dryRun=All&${only}`),
    'many that are guarded': patch('merge', `${path}/many-1`, {
      metadata: { finalizers: ['example.com/x'] },
    }),
    'many for good': remove(`${path}?${only}`),
    'what is left of many': get(`${path}?${only}`),
    'many again': remove(`${path}?${only}`),
    'the guard goes': patch('merge', `${path}/many-1`, { metadata: { finalizers: null } }),
    'nothing is left of many': get(`${path}?${only}`),
    'custom resources in a rehearsal': remove(`${widgets}?dryRun=All&fieldSelector=spec.color%3Dnone`),
    'custom resources with orphans': remove(`${widgets}?fieldSelector=spec.color%3Dnone`, {
      propagationPolicy: 'Orphan',
      dryRun: ['All'],
    }),
    rehearsed: post(path, configMap('rehearsed')),
    'a rehearsal in the query alone': remove(`${path}/rehearsed?dryRun=All`, {
      propagationPolicy: 'Background',
    }),
    'what was rehearsed in the query alone': get(`${path}/rehearsed`),
    'pods of a node': remove(`/api/v1/pods?dryRun=All&fieldSelector=spec.nodeName%3Dhere`),
  });
}
