/** What a Secret says about a bootstrap token. Pure. Source: "Authenticating with Bootstrap Tokens". */
import type { Secret } from '@timonier/api';

const bootstrapType = 'bootstrap.kubernetes.io/token';
export const tokenNamespace = 'kube-system';
const prefix = 'bootstrap-token-';

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
  /** Milliseconds since the epoch; undefined: it holds for ever. What is no time is over. */
  readonly expiresAt: number | undefined;
  /** Hosts that join may check the cluster's description by it. */
  readonly signs: boolean;
}

/** Undefined when the Secret is no bootstrap token, or a broken one. */
export function bootstrapToken({ type, metadata, data }: Secret): BootstrapToken | undefined {
  if (type !== bootstrapType || metadata?.namespace !== tokenNamespace) return undefined;
  const value = (name: string): string => Buffer.from(data?.[name] ?? '', 'base64').toString();
  const [id, secret] = [value('token-id'), value('token-secret')];
  if (metadata.name !== `${prefix}${id}` || !/^[a-z0-9]{6}$/.test(id) || !/^[a-z0-9]{16}$/.test(secret))
    return undefined;
  return {
    id,
    secret,
    expiresAt: expiryOf(value('expiration')),
    signs: value('usage-bootstrap-signing') === 'true',
  };
}

function expiryOf(text: string): number | undefined {
  if (text === '') return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? 0 : time;
}
