/** Deletions: preconditions, propagation, finalizers, collections, evictions, bindings and tokens. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { namespace } from '../world.ts';
import { maps, merge, pods } from './samples.ts';

export async function deletions(comparison: Comparison): Promise<void> {
  const path = `${maps}/verbs-1`;
  const options = (more: object) => ({ apiVersion: 'v1', kind: 'DeleteOptions', dryRun: ['All'], ...more });
  const bodies: Readonly<Record<string, unknown>> = {
    'a dry run': options({}),
    'another uid': options({ preconditions: { uid: 'other' } }),
    'an old version': options({ preconditions: { resourceVersion: '1' } }),
    'a bad version': options({ preconditions: { resourceVersion: 'x' } }),
    'a bad propagation': options({ propagationPolicy: 'What' }),
    'two ways': options({ propagationPolicy: 'Orphan', orphanDependents: true }),
    foreground: options({ propagationPolicy: 'Foreground' }),
    orphans: options({ orphanDependents: true }),
    'negative grace': options({ gracePeriodSeconds: -5 }),
    'a grace period': options({ gracePeriodSeconds: 30 }),
    'a bad grace period': options({ gracePeriodSeconds: 'x' }),
    'a bad dry run': options({ dryRun: ['Some'] }),
    'another kind': { apiVersion: 'v1', kind: 'ConfigMap', dryRun: ['All'] },
    'another group': { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions', dryRun: ['All'] },
    'an unknown group': { apiVersion: 'example.com/v1', kind: 'DeleteOptions', dryRun: ['All'] },
    'no kind': { dryRun: ['All'] },
    'an unknown field': options({ what: 1 }),
    'ignoring reading errors': options({ ignoreStoreReadErrorWithClusterBreakingPotential: true }),
  };
  for (const [title, body] of Object.entries(bodies))
    await comparison.compare(title, { method: 'DELETE', path, body });
  await comparison.compare('no JSON', { method: 'DELETE', path: `${path}?dryRun=All`, body: '{' });
  for (const query of [
    'gracePeriodSeconds=x',
    'gracePeriodSeconds=-1',
    'propagationPolicy=What',
    'orphanDependents=x',
    'dryRun=Some',
    'propagationPolicy=Foreground',
    'orphanDependents=true&propagationPolicy=Orphan',
    'preconditions=x',
  ])
    await comparison.compare(`?${query}`, {
      method: 'DELETE',
      path: `${path}?${query.startsWith('dryRun') ? '' : 'dryRun=All&'}${query}`,
    });
  await comparison.compare('nothing', { method: 'DELETE', path: `${maps}/none-such` });
  await comparison.compare('a collection', {
    method: 'DELETE',
    path: `${maps}?labelSelector=kind%3Dverbs&dryRun=All`,
  });
  await comparison.compare('a collection with a bad limit', {
    method: 'DELETE',
    path: `${maps}?labelSelector=kind%3Dverbs&dryRun=All&limit=x`,
  });
  await comparison.compare('a collection of namespaces', {
    method: 'DELETE',
    path: '/api/v1/namespaces?dryRun=All',
  });
  await comparison.compare('a collection of services', {
    method: 'DELETE',
    path: `/api/v1/namespaces/${namespace}/services?dryRun=All&labelSelector=none%3Dsuch`,
  });
  await comparison.compare('the namespace default', {
    method: 'DELETE',
    path: '/api/v1/namespaces/default?dryRun=All',
  });
  await comparison.compare('the namespace kube-system', {
    method: 'DELETE',
    path: '/api/v1/namespaces/kube-system?dryRun=All',
  });
  await comparison.compare('a system priority class', {
    method: 'DELETE',
    path: '/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical?dryRun=All',
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'going' },
    spec: { containers: [{ name: 'a', image: 'b' }] },
  };
  await comparison.both('pod', { method: 'POST', path: pods, body: pod });
  for (const [title, call] of Object.entries<SidedCall>({
    'eviction in a dry run': {
      method: 'POST',
      path: `${pods}/going/eviction?dryRun=All`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'going' } },
    },
    'eviction of another': {
      method: 'POST',
      path: `${pods}/going/eviction?dryRun=All`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } },
    },
    'eviction of nothing': {
      method: 'POST',
      path: `${pods}/none-such/eviction`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'none-such' } },
    },
    'eviction without kind': { method: 'POST', path: `${pods}/going/eviction?dryRun=All`, body: {} },
    'binding to nothing': {
      method: 'POST',
      path: `${pods}/going/binding?dryRun=All`,
      body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'going' }, target: {} },
    },
    'binding to a pod': {
      method: 'POST',
      path: `${pods}/going/binding?dryRun=All`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Pod', name: 'x' },
      },
    },
    binding: {
      method: 'POST',
      path: `${pods}/going/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Node', name: 'x' },
      },
    },
    'binding again': {
      method: 'POST',
      path: `${pods}/going/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Node', name: 'y' },
      },
    },
    'delete with a node': { method: 'DELETE', path: `${pods}/going` },
    'while it goes': { method: 'GET', path: `${pods}/going` },
    'delete again': { method: 'DELETE', path: `${pods}/going` },
    'a finalizer while it goes': {
      method: 'PATCH',
      path: `${pods}/going`,
      body: { metadata: { finalizers: ['example.com/x'] } },
      headers: merge,
    },
    'at once': { method: 'DELETE', path: `${pods}/going?gracePeriodSeconds=0` },
    token: {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 1 } },
    },
    'token for nothing': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/none-such/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    },
    'token bound to nothing': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none-such' } },
      },
    },
    'token bound to a kind that cannot be': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { boundObjectRef: { kind: 'Thing', apiVersion: 'v1', name: 'x' } },
      },
    },
  }))
    await comparison.compare(title, call);
}
