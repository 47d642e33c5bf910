/** Updates: versions, preconditions, and the number of replicas by way of `scale`. */
import type { Comparison } from '../../comparison.ts';
import { deployments, map, maps, merge } from './samples.ts';

export async function updates(comparison: Comparison): Promise<void> {
  const path = `${maps}/verbs-1?dryRun=All`;
  const bodies: Readonly<Record<string, unknown>> = {
    'another name': map('other'),
    'no name': { ...map('x'), metadata: {} },
    'another namespace': { ...map('verbs-1'), metadata: { name: 'verbs-1', namespace: 'other' } },
    'an old version': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: '1' } },
    'a bad version': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: 'x' } },
    'version 0': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: '0' } },
    'another uid': { ...map('verbs-1'), metadata: { name: 'verbs-1', uid: 'other' } },
    'no version': map('verbs-1'),
    'another kind': { ...map('verbs-1'), kind: 'Secret' },
    'an empty object': {},
    'a new finalizer': {
      ...map('verbs-1'),
      metadata: { name: 'verbs-1', finalizers: ['example.com/x', 'bad'] },
    },
    'an owner': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'y' }],
      },
    },
    'bad owners': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: [{}, { apiVersion: 'v1', kind: 'Event', name: 'x', uid: 'y' }],
      },
    },
    'two controllers': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: ['a', 'b'].map((name) => ({
          apiVersion: 'v1',
          kind: 'Pod',
          name,
          uid: name,
          controller: true,
        })),
      },
    },
  };
  for (const [title, body] of Object.entries(bodies))
    await comparison.compare(title, { method: 'PUT', path, body });
  await comparison.compare('of nothing', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: map('none-such'),
  });
  await comparison.compare('of nothing with a version', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: { ...map('x'), metadata: { name: 'none-such', resourceVersion: '5' } },
  });
  await comparison.compare('of nothing with a uid', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: { ...map('x'), metadata: { name: 'none-such', uid: '5' } },
  });
  for (const replicas of [-1, 'x', 2.5, 2_147_483_648])
    await comparison.compare(`scale to ${replicas}`, {
      method: 'PATCH',
      path: `${deployments}/verbs/scale?dryRun=All`,
      body: { spec: { replicas } },
      headers: merge,
    });
  const lease = '/apis/coordination.k8s.io/v1/namespaces/peer/leases/made-by-put';
  await comparison.compare('of a lease that is not', {
    method: 'PUT',
    path: `${lease}?dryRun=All`,
    body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'made-by-put' } },
  });
}
