/** What the scripts count on: a namespace with its account, which a controller makes elsewhere. */
import type { Comparison } from '../comparison.ts';

export const namespace = 'peer';

export async function world(comparison: Comparison): Promise<void> {
  const namespaceOf = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await comparison.both('namespace', { method: 'POST', path: '/api/v1/namespaces', body: namespaceOf });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await comparison.both('account', {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
    body: account,
  });
}
