/** What the scripts count on: a namespace with its account, which a controller makes elsewhere. */
import type { Comparison } from '../comparison.ts';

export const namespace = 'peer';

export async function world(comparison: Comparison): Promise<void> {
  await makeNamespace(comparison, namespace);
}

/** A namespace in which pods can be made. */
export async function makeNamespace(
  comparison: Comparison,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await comparison.both(`namespace ${name}`, { method: 'POST', path: '/api/v1/namespaces', body });
  await comparison.both(`account of ${name}`, {
    method: 'POST',
    path: `/api/v1/namespaces/${name}/serviceaccounts`,
    body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
  });
}
