/**
 * The signatures that `kube-public/cluster-info` must carry: one for each bootstrap token that may sign, over the
 * kubeconfig in it, so that a host that joins with the token can tell that the description is of its cluster. Pure.
 * Source: RFC 7515, appendix F (detached content).
 */
import { createHmac } from 'node:crypto';
import type { ConfigMap } from '@timonier/api';
import type { BootstrapToken } from '../bootstrap/token.ts';

const prefix = 'jws-kubeconfig-';

/** A JSON Web Signature with HS256 whose content is left out. */
export function detachedSignature(
  content: string,
  { id, secret }: Pick<BootstrapToken, 'id' | 'secret'>,
): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const payload = Buffer.from(content).toString('base64url');
  const signature = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
  return `${header}..${signature}`;
}

/** The description of a cluster for hosts that do not belong to it yet: a kubeconfig that names nobody, as kubeadm's. */
export function describeCluster(server: string, ca: string): string {
  const authority = Buffer.from(ca).toString('base64');
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${authority}
    server: ${server}
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`;
}

/** The data that the ConfigMap must have; undefined when it has them, or describes no cluster. `now` in milliseconds. */
export function decide(
  { data = {} }: ConfigMap,
  tokens: readonly BootstrapToken[],
  now: number,
): Record<string, string> | undefined {
  const { kubeconfig } = data;
  if (kubeconfig === undefined || kubeconfig === '') return undefined;
  const wanted: Record<string, string> = {};
  for (const [key, value] of Object.entries(data)) if (!key.startsWith(prefix)) wanted[key] = value;
  for (const token of tokens)
    if (token.signs && (token.expiresAt === undefined || token.expiresAt > now))
      wanted[`${prefix}${token.id}`] = detachedSignature(kubeconfig, token);
  const keys = Object.keys(wanted);
  const isSame = keys.length === Object.keys(data).length && keys.every((key) => data[key] === wanted[key]);
  return isSame ? undefined : wanted;
}
