import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry, formatFieldError, type ResourceInfo, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import BTreeModule from 'sorted-btree';
import type { ServerState } from '../server-state.ts';
import { fromStored, type StoredObject, toStored } from '../storage/stored-object.ts';
import { apiServiceStrategy } from './api-service-strategy.ts';
import { statusWith } from './api-service.ts';
import { identityHeaders } from './remote.ts';
import { endpointsOf } from './service-endpoint.ts';

type View = Pick<ServerState, 'registry' | 'cache' | 'root'>;

/** A watch cache that holds these objects. */
function holding(...objects: readonly ApiObject[]): View {
  const registry = createRegistry();
  const root = '/registry/';
  const indexes = new Map<string, InstanceType<typeof BTreeModule.default<string, StoredObject>>>();
  const indexOf = (prefix: string) => {
    const index = indexes.get(prefix) ?? new BTreeModule.default<string, StoredObject>();
    indexes.set(prefix, index);
    return index;
  };
  for (const object of objects) {
    const info = registry.all().find(({ kind }) => kind === object.kind) as ResourceInfo;
    const key = storageKey(info, object.metadata?.namespace, object.metadata?.name, root);
    indexOf(info.storagePrefix ?? '').set(key, fromStored(key, toStored(object), 1, 1));
  }
  return {
    registry,
    root,
    cache: { resource: (prefix: string) => ({ index: indexOf(prefix) }) },
  } as unknown as View;
}

const service = (spec: object): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'hook', namespace: 'ns' },
  spec,
});
const slice = (name: string, endpoints: object[], port: object): ApiObject => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'ns', labels: { 'kubernetes.io/service-name': 'hook' } },
  endpoints,
  ports: [port],
});
const target = { namespace: 'ns', name: 'hook', port: 443 };
const ports = [{ name: 'web', port: 443, targetPort: 8443 }];

test('a Service is where its ready endpoints listen, by the name of the port', () => {
  const view = holding(
    service({ selector: { app: 'hook' }, clusterIP: '10.96.0.9', ports }),
    slice(
      'a',
      [
        { addresses: ['10.0.0.1'], conditions: { ready: true } },
        { addresses: ['10.0.0.2'], conditions: { ready: false } },
      ],
      { name: 'web', port: 8443 },
    ),
    slice('b', [{ addresses: ['10.0.0.3'] }], { name: 'web', port: 9443 }),
    slice('c', [{ addresses: ['10.0.0.4'] }], { name: 'other', port: 1 }),
  );
  assert.deepEqual(endpointsOf(view, target), [
    { host: '10.0.0.1', port: 8443 },
    { host: '10.0.0.3', port: 9443 },
  ]);
});

test('a Service without pods, without the port or not there at all is said to be just that', () => {
  const spec = { selector: { app: 'hook' }, clusterIP: '10.96.0.9', ports };
  assert.throws(
    () => endpointsOf(holding(service(spec)), target),
    /no endpoints available for service "hook"/,
  );
  assert.throws(() => endpointsOf(holding(service(spec)), { ...target, port: 1 }), /no service port 1 found/);
  assert.throws(() => endpointsOf(holding(), target), /service "hook" not found/);
  const byHand = service({ clusterIP: '10.96.0.9', ports });
  assert.deepEqual(endpointsOf(holding(byHand), target), [{ host: '10.96.0.9', port: 443 }]);
  const elsewhere = service({ type: 'ExternalName', externalName: 'example.com' });
  assert.deepEqual(endpointsOf(holding(elsewhere), target), [{ host: 'example.com', port: 443 }]);
});

test('a user’s extra fields travel in headers whose names hold any key', () => {
  const user = { name: 'u', uid: 'id', groups: ['g', 'h'], extra: { 'example.com/Scope': ['a', 'b'] } };
  assert.deepEqual(identityHeaders(user), {
    'x-remote-user': 'u',
    'x-remote-uid': 'id',
    'x-remote-group': ['g', 'h'],
    'x-remote-extra-example.com%2fscope': ['a', 'b'],
  });
});

test('users travel as UTF-8, and the names of their fields as what a header’s name can hold', () => {
  const headers = identityHeaders({ name: 'jané', groups: ['日本'], extra: { 'é(%)': ['€'] } });
  const onWire = (value: string | string[] | undefined): string =>
    Buffer.from(String(value), 'latin1').toString();
  assert.equal(onWire(headers['x-remote-user']), 'jané');
  assert.equal(onWire(headers['x-remote-group']), '日本');
  assert.equal(onWire(headers['x-remote-extra-%c3%a9%28%25%29']), '€');
});

test('a condition keeps its time until its status changes', () => {
  const failed = { available: false, reason: 'A', message: 'm' };
  const first = statusWith(undefined, failed, 't1');
  assert.equal(statusWith(first, failed, 't2'), first);
  const other = statusWith(first, { ...failed, reason: 'B' }, 't2');
  assert.equal(other.conditions?.[0]?.lastTransitionTime, 't1');
  const well = statusWith(other, { available: true, reason: 'Passed', message: '' }, 't3');
  assert.equal(well.conditions?.[0]?.lastTransitionTime, 't3');
});

test('an APIService that contradicts itself is refused', () => {
  const check = (name: string, spec: object): string[] =>
    (apiServiceStrategy.validate?.({ metadata: { name }, spec }, undefined) ?? []).map(formatFieldError);
  const base = { group: 'g.io', version: 'v1', groupPriorityMinimum: 100, versionPriority: 1 };
  const where = { service: { namespace: 'ns', name: 'hook' } };
  assert.deepEqual(check('v1.g.io', { ...base, ...where }), []);
  assert.deepEqual(check('wrong', base), [
    'metadata.name: Invalid value: "wrong": must be `spec.version+"."+spec.group`: "v1.g.io"',
  ]);
  assert.deepEqual(check('v1.g.io', { ...base, ...where, caBundle: 'YQ==', insecureSkipTLSVerify: true }), [
    'spec.insecureSkipTLSVerify: Forbidden: may not be true if caBundle is present',
  ]);
  assert.equal(check('v1.g.io', { ...base, versionPriority: 0, service: {} }).length, 3);
});
