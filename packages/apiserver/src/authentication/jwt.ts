/**
 * Tokens that providers of identities sign (OpenID Connect Core 1.0, Discovery 1.0). In: a bearer token. Out: the user
 * that its claims name. Keys are fetched from the provider when a token needs them and again when one is signed with a
 * key that is not known; an unreachable provider is asked again only after a while.
 */
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { User } from '../pipeline/authenticate.ts';
import type { FetchJson } from './fetch-json.ts';
import { RememberedTokens, type TokenAnswer, type TokenKind } from './token-chain.ts';

export const jwtAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

/** What is configured about a provider. */
export interface JwtProvider {
  /** As it stands in tokens. */
  readonly issuer: string;
  /** Where its configuration is found; absent: below the issuer. */
  readonly discoveryUrl?: string;
  /** A token must be for one of them. */
  readonly audiences: readonly string[];
  readonly signingAlgorithms: readonly string[];
  /** Authority of the provider's certificate; absent: the public ones. */
  readonly ca?: Buffer | string | undefined;
  /** Whom verified claims name; undefined when they name nobody. Never throws. */
  readonly userOf: (claims: JWTPayload) => User | undefined;
}

export interface JwtIssuerOptions extends JwtProvider {
  readonly fetchJson: FetchJson;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Audience of this API server. */
  readonly audience: string;
}

/** All providers; which one a token is from, it says itself. The list may be replaced at any time. */
export class JwtTokens implements TokenKind {
  #issuers: ReadonlyMap<string, JwtIssuer> = new Map();

  configure(issuers: readonly JwtIssuerOptions[]): void {
    this.#issuers = new Map(issuers.map((options) => [options.issuer, new JwtIssuer(options)]));
  }

  authenticate(token: string, audiences?: readonly string[]): TokenAnswer | Promise<TokenAnswer> {
    if (this.#issuers.size === 0) return undefined;
    return this.#issuers.get(issuerOf(token) ?? '')?.authenticate(token, audiences);
  }
}

type Keys = ReturnType<typeof createLocalJWKSet>;

/** How soon the provider is asked again for keys: tokens that anybody can make must not make it work. */
const refetchMs = 5_000;
/** Upstream takes a token that holds from a little later on; one that is over is over. */
const earlySeconds = 300;

class JwtIssuer implements TokenKind {
  readonly #options: JwtIssuerOptions;
  readonly #remembered: RememberedTokens;
  #keys: Keys | undefined;
  #fetched = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: JwtIssuerOptions) {
    this.#options = options;
    this.#remembered = new RememberedTokens(options.now);
  }

  authenticate(
    token: string,
    audiences: readonly string[] = [this.#options.audience],
  ): TokenAnswer | Promise<TokenAnswer> {
    const shared = audiences.filter((audience) => audience === this.#options.audience);
    if (shared.length === 0) return undefined;
    const known = this.#remembered.find(token);
    if (known !== undefined) return { user: known, audiences: shared };
    return this.#verify(token).then((user) => user && { user, audiences: shared });
  }

  async #verify(token: string): Promise<User | undefined> {
    const claims = await this.#claims(token);
    const { now, userOf } = this.#options;
    if (claims?.exp === undefined || now() >= claims.exp * 1_000) return undefined;
    const user = userOf(claims);
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
    const { issuer, audiences, signingAlgorithms, now } = this.#options;
    if (this.#keys === undefined) return undefined;
    const { payload } = await jwtVerify(token, this.#keys, {
      issuer,
      audience: [...audiences],
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
    const { issuer, discoveryUrl, fetchJson } = this.#options;
    const where = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const configuration = await fetchJson(where);
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
