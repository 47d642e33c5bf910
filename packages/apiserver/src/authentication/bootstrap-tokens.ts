/**
 * Bootstrap tokens, `ID.SECRET`: how a host that joins says who it is before it has a certificate. Each is a Secret in
 * kube-system. Source: "Authenticating with Bootstrap Tokens" of the Kubernetes documentation.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '@timonier/api';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { TokenAnswer, TokenKind } from './token-chain.ts';

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const type = 'bootstrap.kubernetes.io/token';

export interface BootstrapTokenOptions {
  readonly cache: WatchCache;
  readonly root: string;
  readonly now: () => number;
  /** That of this API server. */
  readonly audience: string;
}

export class BootstrapTokens implements TokenKind {
  readonly #options: BootstrapTokenOptions;

  constructor(options: BootstrapTokenOptions) {
    this.#options = options;
  }

  authenticate(token: string, audiences: readonly string[] = [this.#options.audience]): TokenAnswer {
    const [, id, secret] = form.exec(token) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const { cache, root, now, audience } = this.#options;
    const shared = audiences.filter((wanted) => wanted === audience);
    const key = `${root}secrets/kube-system/bootstrap-token-${id}`;
    const stored = cache.resource('secrets').index.get(key)?.object() as Secret | undefined;
    if (shared.length === 0 || stored?.type !== type || stored.metadata?.deletionTimestamp !== undefined)
      return undefined;
    const value = (name: string): string => Buffer.from(stored.data?.[name] ?? '', 'base64').toString();
    if (value('token-id') !== id || !isSame(value('token-secret'), secret)) return undefined;
    if (value('usage-bootstrap-authentication') !== 'true') return undefined;
    const expiration = value('expiration');
    // What is no time is over.
    if (expiration !== '' && !(now() < Date.parse(expiration))) return undefined;
    const extra = value('auth-extra-groups')
      .split(',')
      .filter((group) => group !== '');
    if (!extra.every((group) => groupForm.test(group))) return undefined;
    const groups = ['system:bootstrappers', ...new Set(extra), 'system:authenticated'];
    return { user: { name: `system:bootstrap:${id}`, groups }, audiences: shared };
  }
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
