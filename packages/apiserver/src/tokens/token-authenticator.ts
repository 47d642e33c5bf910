/** The user behind a bearer token: a ServiceAccount whose token, and all that it is bound to, still hold. */
import type { ApiObject } from '@timonier/api/decode';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { BoundObject, TokenClaims, TokenSigner } from './service-account-tokens.ts';

/** A deleted object's tokens hold on this long after its end was due, as upstream. */
const leewaySeconds = 60;
const extraPrefix = 'authentication.kubernetes.io/';

export class TokenAuthenticator {
  readonly signer: TokenSigner;
  readonly #cache: WatchCache;
  readonly #root: string;
  readonly #now: () => number;

  constructor(signer: TokenSigner, cache: WatchCache, root: string, now: () => number) {
    this.signer = signer;
    this.#cache = cache;
    this.#root = root;
    this.#now = now;
  }

  /** The user, with those of `audiences` that the token is for; undefined when there is none. */
  authenticate(
    token: string,
    audiences: readonly string[] = [this.signer.issuer],
  ): { user: User; audiences: readonly string[] } | undefined {
    const claims = this.signer.verify(token, this.#now() / 1_000);
    const shared = audiences.filter((audience) => claims?.aud.includes(audience));
    if (claims === undefined || shared.length === 0 || !this.#holds(claims)) return undefined;
    return { user: userOf(claims), audiences: shared };
  }

  #holds({ 'kubernetes.io': { namespace, serviceaccount, pod, secret } }: TokenClaims): boolean {
    return (
      this.#isThere('serviceaccounts', namespace, serviceaccount) &&
      (pod === undefined || this.#isThere('pods', namespace, pod)) &&
      (secret === undefined || this.#isThere('secrets', namespace, secret))
    );
  }

  #isThere(prefix: string, namespace: string, { name, uid }: BoundObject): boolean {
    const key = `${this.#root}${prefix}/${namespace}/${name}`;
    const object: ApiObject | undefined = this.#cache.resource(prefix).index.get(key)?.object();
    if (object?.metadata?.uid !== uid) return false;
    const { deletionTimestamp } = object.metadata;
    return (
      deletionTimestamp === undefined || this.#now() < Date.parse(deletionTimestamp) + leewaySeconds * 1_000
    );
  }
}

function userOf({ sub, jti, 'kubernetes.io': { namespace, serviceaccount, pod, node } }: TokenClaims): User {
  const extra: Record<string, string[]> = { [`${extraPrefix}credential-id`]: [`JTI=${jti}`] };
  for (const [kind, object] of Object.entries({ pod, node })) {
    if (object === undefined) continue;
    extra[`${extraPrefix}${kind}-name`] = [object.name];
    extra[`${extraPrefix}${kind}-uid`] = [object.uid];
  }
  return {
    name: sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}
