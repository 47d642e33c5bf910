/** The user behind a bearer token: a ServiceAccount whose token, and all that it is bound to, still hold. */
import type { Secret } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { LastUse } from './last-use.ts';
import {
  type BoundObject,
  isOfSecret,
  type SecretTokenClaims,
  type TokenClaims,
  type TokenSigner,
} from './service-account-tokens.ts';

/** A deleted object's tokens hold on this long after its end was due, as upstream. */
const leewaySeconds = 60;
const extraPrefix = 'authentication.kubernetes.io/';
/** The controllers put it on a Secret whose token nobody has used for a year. */
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

export class TokenAuthenticator {
  readonly signer: TokenSigner;
  readonly #cache: WatchCache;
  readonly #root: string;
  readonly #now: () => number;
  readonly #lastUse: LastUse | undefined;

  constructor(signer: TokenSigner, cache: WatchCache, root: string, now: () => number, lastUse?: LastUse) {
    this.signer = signer;
    this.#cache = cache;
    this.#root = root;
    this.#now = now;
    this.#lastUse = lastUse;
  }

  /** The user, with those of `audiences` that the token is for; undefined when there is none. */
  authenticate(
    token: string,
    audiences: readonly string[] = [this.signer.issuer],
  ): { user: User; audiences: readonly string[] } | undefined {
    const claims = this.signer.verify(token, this.#now() / 1_000);
    if (claims === undefined) return undefined;
    const isFor = isOfSecret(claims) ? [this.signer.issuer] : claims.aud;
    const shared = audiences.filter((audience) => isFor.includes(audience));
    if (shared.length === 0) return undefined;
    if (isOfSecret(claims))
      return this.#secretHolds(claims, token) ? { user: userOfSecret(claims), audiences: shared } : undefined;
    return this.#holds(claims) ? { user: userOf(claims), audiences: shared } : undefined;
  }

  /** Why a token that was made here names nobody for these audiences; undefined where that is not why. */
  whyNot(token: string, audiences: readonly string[] = [this.signer.issuer]): string | undefined {
    const claims = this.signer.verify(token, this.#now() / 1_000);
    if (claims === undefined || isOfSecret(claims)) return undefined;
    if (audiences.some((audience) => claims.aud.includes(audience))) return undefined;
    const shown = (list: readonly string[]): string =>
      `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;
    return `token audiences ${shown(claims.aud)} is invalid for the target audiences ${shown(audiences)}`;
  }

  /** The Secret still has this very token, and its account still is the one it was made for. */
  #secretHolds(claims: SecretTokenClaims, token: string): boolean {
    const account = {
      name: claims['kubernetes.io/serviceaccount/service-account.name'],
      uid: claims['kubernetes.io/serviceaccount/service-account.uid'],
    };
    const namespace = claims['kubernetes.io/serviceaccount/namespace'];
    const secret = this.#find('secrets', namespace, claims['kubernetes.io/serviceaccount/secret.name']) as
      | Secret
      | undefined;
    const holds =
      secret?.data?.['token'] === Buffer.from(token).toString('base64') &&
      secret.metadata?.deletionTimestamp === undefined &&
      secret.metadata?.labels?.[invalidSince] === undefined &&
      this.#isThere('serviceaccounts', namespace, account);
    if (holds) this.#lastUse?.note(secret);
    return holds;
  }

  #holds({ 'kubernetes.io': { namespace, serviceaccount, pod, node, secret } }: TokenClaims): boolean {
    return (
      this.#isThere('serviceaccounts', namespace, serviceaccount) &&
      (pod === undefined || this.#isThere('pods', namespace, pod)) &&
      // Of a pod's token it only says where the pod runs.
      (node === undefined || pod !== undefined || this.#isThere('minions', '', node)) &&
      (secret === undefined || this.#isThere('secrets', namespace, secret))
    );
  }

  #isThere(prefix: string, namespace: string, { name, uid }: BoundObject): boolean {
    const object = this.#find(prefix, namespace, name);
    if (object?.metadata?.uid !== uid) return false;
    const { deletionTimestamp } = object.metadata;
    return (
      deletionTimestamp === undefined || this.#now() < Date.parse(deletionTimestamp) + leewaySeconds * 1_000
    );
  }

  #find(prefix: string, namespace: string, name: string): ApiObject | undefined {
    const within = namespace === '' ? prefix : `${prefix}/${namespace}`;
    return this.#cache.resource(prefix).index.get(`${this.#root}${within}/${name}`)?.object();
  }
}

function userOfSecret(claims: SecretTokenClaims): User {
  const namespace = claims['kubernetes.io/serviceaccount/namespace'];
  return {
    name: claims.sub,
    uid: claims['kubernetes.io/serviceaccount/service-account.uid'],
    groups: groupsOf(namespace),
    extra: {},
  };
}

function groupsOf(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
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
    groups: groupsOf(namespace),
    extra,
  };
}
