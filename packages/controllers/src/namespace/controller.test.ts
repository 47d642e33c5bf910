import { type Namespace, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServedResource } from '../discovery.ts';
import type { ServedResources } from '../garbagecollector/monitor.ts';
import type { MemoryApi } from '../memory-api.ts';
import { inLoopWorld } from '../memory-loop.ts';
import { deletionConditions } from './conditions.ts';
import { startNamespaceController } from './controller.ts';

const never = new AbortController().signal;
const verbs = ['list', 'delete'];
const types = [resources.configmaps, resources.pods, resources.services].map((type): ServedResource => ({
  ...(type as ServedResource),
  verbs,
}));
const served: ServedResources = { get: () => Promise.resolve(types), problem: undefined };

function prepare(api: MemoryApi): void {
  api.put(resources.namespaces, {
    metadata: { name: 'n', deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: { finalizers: ['kubernetes'] },
  });
  api.put(resources.configmaps, { metadata: { name: 'plain', namespace: 'n' } });
  api.put(resources.configmaps, { metadata: { name: 'other', namespace: 'other' } });
  api.put(resources.services, { metadata: { name: 's', namespace: 'n' } });
}

const conditionsOf = (namespace: Namespace | undefined): string[] =>
  (namespace?.status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);

test('a namespace tells which finalizer holds it, and ends when that lets go', async () => {
  await inLoopWorld(
    {},
    (api) => {
      prepare(api);
      const held = { name: 'held', namespace: 'n', finalizers: ['example.com/hold'] };
      api.put(resources.configmaps, { metadata: held });
    },
    async ({ api, informers, begin }) => {
      begin((context) => startNamespaceController(context, served));
      const told = (): boolean => {
        const found = informers.namespaces.get({ name: 'n' })?.status?.conditions ?? [];
        return found.some(({ type, status }) => type === 'NamespaceFinalizersRemaining' && status === 'True');
      };
      assert.ok(await informers.namespaces.until(told, never, 30_000));
      const message = api
        .find(resources.namespaces, 'n')
        ?.status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining')?.message;
      assert.match(message ?? '', /example\.com\/hold/);
      api.remove(resources.configmaps, 'n/held');
      const ended = (): boolean => informers.namespaces.get({ name: 'n' })?.spec?.finalizers?.length === 0;
      assert.ok(await informers.namespaces.until(ended, never, 30_000));
      assert.deepEqual(
        api.all(resources.configmaps).map(({ metadata }) => metadata?.name),
        ['other'],
      );
      assert.deepEqual(conditionsOf(api.find(resources.namespaces, 'n')), [
        'NamespaceDeletionDiscoveryFailure=False ResourcesDiscovered',
        'NamespaceDeletionGroupVersionParsingFailure=False ParsedGroupVersions',
        'NamespaceDeletionContentFailure=False ContentDeleted',
        'NamespaceContentRemaining=False ContentRemoved',
        'NamespaceFinalizersRemaining=False ContentHasNoFinalizers',
      ]);
    },
  );
});

test('one kind that refuses keeps the namespace, and no other kind', async () => {
  await inLoopWorld({}, prepare, async ({ api, informers, begin }) => {
    api.refuse = ({ verb, resource }) => {
      if (verb === 'delete' && resource === 'configmaps') throw new Error('not today');
    };
    begin((context) => startNamespaceController(context, served));
    const told = (): boolean =>
      conditionsOf(informers.namespaces.get({ name: 'n' })).includes(
        'NamespaceDeletionContentFailure=True ContentDeletionFailed',
      );
    assert.ok(await informers.namespaces.until(told, never, 30_000));
    assert.equal(api.find(resources.services, 'n/s'), undefined);
    assert.deepEqual(api.find(resources.namespaces, 'n')?.spec?.finalizers, ['kubernetes']);
    api.refuse = () => undefined;
    const ended = (): boolean => informers.namespaces.get({ name: 'n' })?.spec?.finalizers?.length === 0;
    assert.ok(await informers.namespaces.until(ended, never, 30_000));
  });
});

test('a namespace does not end while discovery fails', async () => {
  await inLoopWorld({}, prepare, async ({ api, informers, begin }) => {
    begin((context) => startNamespaceController(context, { ...served, problem: 'a group does not answer' }));
    const told = (): boolean =>
      conditionsOf(informers.namespaces.get({ name: 'n' })).includes(
        'NamespaceContentRemaining=False ContentRemoved',
      );
    assert.ok(await informers.namespaces.until(told, never, 30_000));
    const namespace = api.find(resources.namespaces, 'n');
    assert.deepEqual(namespace?.spec?.finalizers, ['kubernetes']);
    assert.ok(conditionsOf(namespace).includes('NamespaceDeletionDiscoveryFailure=True DiscoveryFailed'));
  });
});

test('a condition keeps its time while it says the same, and conditions of others stay', () => {
  const report = {
    discoveryProblem: undefined,
    failures: [],
    remaining: new Map([['pods', 2]]),
    finalizers: new Map<string, number>(),
  };
  const first = deletionConditions([{ type: 'Theirs', status: 'True' }], report, 0);
  const second = deletionConditions(first, { ...report, remaining: new Map([['pods', 1]]) }, 60_000);
  const third = deletionConditions(second, { ...report, remaining: new Map() }, 60_000);
  const times = [first, second, third].map(
    (conditions) => conditions.find(({ type }) => type === 'NamespaceContentRemaining')?.lastTransitionTime,
  );
  assert.deepEqual(times, ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1970-01-01T00:01:00Z']);
  assert.equal(third[0]?.type, 'Theirs');
});
