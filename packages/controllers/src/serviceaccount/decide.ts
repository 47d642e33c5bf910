/** What every namespace must hold: the ServiceAccount `default` and the cluster's CA. Pure. */
import type { ConfigMap, Namespace, ServiceAccount } from '@timonier/api';

export const rootCaName = 'kube-root-ca.crt';

export interface NamespaceContent {
  readonly namespace: Namespace;
  readonly account: ServiceAccount | undefined;
  readonly rootCa: ConfigMap | undefined;
  /** PEM; empty when none is to be published. */
  readonly pem: string;
}

export function decide({ namespace, account, rootCa, pem }: NamespaceContent): {
  readonly createAccount: boolean;
  readonly rootCa: 'create' | 'update' | 'nothing';
} {
  if (namespace.metadata?.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating') {
    return { createAccount: false, rootCa: 'nothing' };
  }
  const published = rootCa?.data?.['ca.crt'];
  return {
    createAccount: account === undefined,
    rootCa:
      pem === '' ? 'nothing' : rootCa === undefined ? 'create' : published === pem ? 'nothing' : 'update',
  };
}
