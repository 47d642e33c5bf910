/**
 * What secondary API servers must know to believe this one: the authorities of clients and of front proxies, of which
 * this server is one, and the names of the headers that carry users. Published as a ConfigMap in kube-system, as upstream.
 */
import type { ApiObject } from '@timonier/api/decode';
import type { RequestHeaderNames } from '../authentication/request-header.ts';

export interface AuthenticationConfig {
  readonly clientCa: string;
  /** Undefined: there is no certificate for secondary servers, and no front proxy is believed. */
  readonly requestHeader: (RequestHeaderNames & { readonly ca: string }) | undefined;
}

export const configName = 'extension-apiserver-authentication';

export function authenticationConfigMap({ clientCa, requestHeader }: AuthenticationConfig): ApiObject {
  const headers =
    requestHeader === undefined
      ? {}
      : {
          'requestheader-allowed-names': JSON.stringify(requestHeader.allowedNames),
          'requestheader-client-ca-file': requestHeader.ca,
          'requestheader-extra-headers-prefix': JSON.stringify(requestHeader.extraHeaderPrefixes),
          'requestheader-group-headers': JSON.stringify(requestHeader.groupHeaders),
          'requestheader-uid-headers': JSON.stringify(requestHeader.uidHeaders),
          'requestheader-username-headers': JSON.stringify(requestHeader.usernameHeaders),
        };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: configName, namespace: 'kube-system' },
    data: { 'client-ca-file': clientCa, ...headers },
  };
}
