/**
 * Identity tokens of an OpenID Connect provider (OpenID Connect Core 1.0, Discovery 1.0). In: a bearer token. Out: the
 * user that its claims name. Keys are fetched from the provider when a token needs them and again when one is signed
 * with a key that is not known; an unreachable provider is asked again only after a while.
 */
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { User } from '../pipeline/authenticate.ts';
import type { FetchJson } from './fetch-json.ts';
import { RememberedTokens, type TokenAnswer, type TokenKind } from './token-chain.ts';

export interface OidcOptions {
  /** An https URL, as it stands in tokens. */
  readonly issuer: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  /** Empty: the issuer and `#`, unless the claim is `email`; `-`: none. */
  readonly usernamePrefix: string;
  /** Empty: no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  readonly requiredClaims: ReadonlyMap<string, string>;
  readonly signingAlgorithms: readonly string[];
  readonly fetchJson: FetchJson;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Audience of this API server. */
  readonly audience: string;
}

type Keys = ReturnType<typeof createLocalJWKSet>;

/** How soon the provider is asked again for keys: tokens that anybody can make must not make it work. */
const refetchMs = 5_000;
/** Upstream takes a token that holds from a little later on; one that is over is over. */
const earlySeconds = 300;

export class OidcTokens implements TokenKind {
  readonly #options: OidcOptions;
  readonly #remembered: RememberedTokens;
  #keys: Keys | undefined;
  #fetched = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: OidcOptions) {
    this.#options = options;
    this.#remembered = new RememberedTokens(options.now);
  }

  authenticate(
    token: string,
    audiences: readonly string[] = [this.#options.audience],
  ): TokenAnswer | Promise<TokenAnswer> {
    const shared = audiences.filter((audience) => audience === this.#options.audience);
    if (shared.length === 0 || issuerOf(token) !== this.#options.issuer) return undefined;
    const known = this.#remembered.find(token);
    if (known !== undefined) return { user: known, audiences: shared };
    return this.#verify(token).then((user) => user && { user, audiences: shared });
  }

  async #verify(token: string): Promise<User | undefined> {
    const claims = await this.#claims(token);
    const { now } = this.#options;
    if (claims?.exp === undefined || now() >= claims.exp * 1_000) return undefined;
    const user = userOf(claims, this.#options);
    if (user !== undefined) this.#remembered.add(token, user, claims.exp * 1_000);
    return user;
  }

  async #claims(token: string): Promise<JWTPayload | undefined> {
    if (this.#keys === undefined) await this.#fetchKeys();
    try {
      return await this.#read(token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) return undefined;
    }
    // The provider may have changed its keys.
    await this.#fetchKeys();
    return this.#read(token).catch(() => undefined);
  }

  async #read(token: string): Promise<JWTPayload | undefined> {
    const { issuer, clientId, signingAlgorithms, now } = this.#options;
    if (this.#keys === undefined) return undefined;
    const { payload } = await jwtVerify(token, this.#keys, {
      issuer,
      audience: clientId,
      algorithms: [...signingAlgorithms],
      clockTolerance: earlySeconds,
      currentDate: new Date(now()),
    });
    return payload;
  }

  /** Never rejects: without keys no token is good. */
  #fetchKeys(): Promise<void> {
    const { now } = this.#options;
    if (this.#fetching !== undefined) return this.#fetching;
    if (now() - this.#fetched < refetchMs) return Promise.resolve();
    this.#fetching = this.#discover()
      .then((keys) => {
        this.#keys = keys;
      })
      .catch(() => undefined)
      .finally(() => {
        this.#fetched = now();
        this.#fetching = undefined;
      });
    return this.#fetching;
  }

  async #discover(): Promise<Keys> {
    const { issuer, fetchJson } = this.#options;
    const configuration = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const uri = configuration['jwks_uri'];
    if (configuration['issuer'] !== issuer || typeof uri !== 'string')
      throw new Error('the provider speaks for another issuer, or names no keys');
    // jose checks what it is given.
    return createLocalJWKSet((await fetchJson(uri)) as unknown as JSONWebKeySet);
  }
}

/** Read before anything is verified, only to see whose token it is. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** Pure: the user that verified claims name, or undefined when one that is needed is missing or of another form. */
export function userOf(
  claims: JWTPayload,
  options: Pick<
    OidcOptions,
    'issuer' | 'usernameClaim' | 'usernamePrefix' | 'groupsClaim' | 'groupsPrefix' | 'requiredClaims'
  >,
): User | undefined {
  const { issuer, usernameClaim, usernamePrefix, groupsClaim, groupsPrefix, requiredClaims } = options;
  const own = (name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined);
  for (const [name, value] of requiredClaims) if (own(name) !== value) return undefined;
  const name = own(usernameClaim);
  if (typeof name !== 'string' || name === '') return undefined;
  const verified = own('email_verified');
  if (usernameClaim === 'email' && verified !== undefined && verified !== true) return undefined;
  const usual = usernameClaim === 'email' ? '' : `${issuer}#`;
  const prefix = usernamePrefix === '' ? usual : usernamePrefix === '-' ? '' : usernamePrefix;
  const given = groupsClaim === '' ? [] : (own(groupsClaim) ?? []);
  const groups: unknown[] = Array.isArray(given) ? given : [given];
  if (!groups.every((group) => typeof group === 'string')) return undefined;
  return {
    name: `${prefix}${name}`,
    groups: [...groups.map((group) => `${groupsPrefix}${group}`), 'system:authenticated'],
  };
}
