import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry as Metrics } from 'prom-client';
import type { ApiObject } from '@timonier/api/decode';
import { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import { toStored } from '../storage/stored-object.ts';
import { Admission } from './admission.ts';
import { selectorsMatch } from './matching.ts';
import { podSecurity } from './pod-security/index.ts';
import { usualPodSecurity } from './pod-security/settings.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

const guarded = { namespaceSelector: { matchLabels: { guarded: 'yes' } } };
const namespace = (labels: Record<string, string>): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'new', labels },
});

interface Target {
  readonly resource: string;
  readonly namespaced: boolean;
  readonly subresource?: string;
}

/** A write into a namespace that the cache does not know yet; `stored` is what the store knows. */
function write(
  { resource, namespaced, subresource = '' }: Target,
  objects: Pick<AdmissionRequest, 'operation' | 'object' | 'old'>,
  stored?: ApiObject,
): AdmissionRequest {
  const server = {
    root: '/registry/',
    cache: { resource: () => ({ index: new Map() }) },
    registry: { lookup: () => ({ group: '', resource: 'namespaces' }) },
    metrics: { store: { answered: () => undefined } },
    store: {
      range: ({ key }: { key: string }) =>
        Promise.resolve({
          kvs:
            stored !== undefined && key === '/registry/namespaces/new'
              ? [{ value: toStored(stored), modRevision: 3, createRevision: 3 }]
              : [],
        }),
    },
  };
  const info = { group: '', version: 'v1', resource, namespaced };
  const target = { info, namespace: namespaced ? 'new' : '', name: 'a', subresource, verb: 'create' };
  const user = { name: 'somebody', groups: [] };
  return { ...objects, context: { server, target, user } } as unknown as AdmissionRequest;
}

/** What a plugin sees that asks for the selector. */
async function isSelected(request: AdmissionRequest): Promise<boolean> {
  let selected: boolean | undefined;
  const plugin: AdmissionPlugin = {
    name: 'Test',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    validate: (given) => {
      selected = selectorsMatch(guarded, given);
    },
  };
  await new Admission([plugin], new AdmissionMetrics(new Metrics())).validate(request);
  assert.ok(selected !== undefined);
  return selected;
}

const yes = namespace({ guarded: 'yes' });
const no = namespace({});
const creation = { operation: 'CREATE', object: { metadata: {} }, old: undefined } as const;

test('what is in no namespace, and is none, is exempted by no selector of namespaces', async () => {
  const roles = { resource: 'clusterroles', namespaced: false };
  assert.equal(await isSelected(write(roles, creation)), true);
  assert.equal(
    await isSelected(write(roles, { operation: 'DELETE', object: undefined, old: creation.object })),
    true,
  );
});

test('a namespace that the cache does not know yet is read from the store', async () => {
  const maps = { resource: 'configmaps', namespaced: true };
  assert.equal(await isSelected(write(maps, creation, yes)), true);
  assert.equal(await isSelected(write(maps, creation, no)), false);
  await assert.rejects(isSelected(write(maps, creation)), /^StatusError: namespaces "new" not found$/);
});

test('a namespace is selected by the labels it will have, and by those it has when a part of it is written', async () => {
  const itself = { resource: 'namespaces', namespaced: false };
  const update = { operation: 'UPDATE', object: yes, old: no } as const;
  assert.equal(await isSelected(write(itself, update)), true);
  assert.equal(await isSelected(write({ ...itself, subresource: 'status' }, update)), false);
  assert.equal(await isSelected(write(itself, { operation: 'DELETE', object: undefined, old: yes })), true);
});

test('the level of a namespace that the cache does not know yet is kept', async () => {
  const pods = { resource: 'pods', namespaced: true };
  const object = { metadata: { name: 'a' }, spec: { hostNetwork: true, containers: [] } };
  const admission = new Admission([podSecurity(usualPodSecurity)], new AdmissionMetrics(new Metrics()));
  const strict = namespace({ 'pod-security.kubernetes.io/enforce': 'baseline' });
  const request = (stored?: ApiObject): AdmissionRequest =>
    write(pods, { operation: 'CREATE', object, old: undefined }, stored);
  await assert.rejects(admission.validate(request(strict)), /violates PodSecurity "baseline:latest"/);
  await admission.validate(request(no));
  await assert.rejects(admission.validate(request()), /failed to lookup namespace "new"/);
});

test('no selector of objects is about the options of a connection, not even one for what has no label', async () => {
  const unlabelled = { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] };
  const options = { apiVersion: 'v1', kind: 'PodExecOptions' };
  const target = { resource: 'pods', namespaced: true, subresource: 'exec' };
  const connection = write(target, { operation: 'CONNECT', object: options, old: undefined });
  assert.equal(selectorsMatch({ objectSelector: unlabelled }, connection), false);
  assert.equal(selectorsMatch({ objectSelector: {} }, connection), true);
  const pod = write(
    { resource: 'pods', namespaced: true },
    { operation: 'CREATE', object: {}, old: undefined },
  );
  assert.equal(selectorsMatch({ objectSelector: unlabelled }, pod), true);
});
