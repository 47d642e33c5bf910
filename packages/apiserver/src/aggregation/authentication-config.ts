/**
 * What secondary API servers must know to believe this one: the authorities of clients and of this server's own
 * certificate, and the names of the headers that carry users. Published as a ConfigMap in kube-system, as upstream.
 */
import type { ApiObject } from '@timonier/api/decode';

export interface AuthenticationConfig {
  readonly clientCa: string;
  /** Undefined: there is no certificate for secondary servers. */
  readonly requestHeaderCa: string | undefined;
}

export const configName = 'extension-apiserver-authentication';
/** The common name of this server's certificate. */
export const proxyClientName = 'front-proxy-client';

export function authenticationConfigMap({ clientCa, requestHeaderCa }: AuthenticationConfig): ApiObject {
  const headers =
    requestHeaderCa === undefined
      ? {}
      : {
          'requestheader-allowed-names': JSON.stringify([proxyClientName]),
          'requestheader-client-ca-file': requestHeaderCa,
          'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
          'requestheader-group-headers': '["X-Remote-Group"]',
          'requestheader-uid-headers': '["X-Remote-Uid"]',
          'requestheader-username-headers': '["X-Remote-User"]',
        };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: configName, namespace: 'kube-system' },
    data: { 'client-ca-file': clientCa, ...headers },
  };
}
