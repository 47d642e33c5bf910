/**
 * Tokens that stand for a user after its password was checked.
 *
 * A simple token is a random text; every member learns it by applying the authentication and forgets it five minutes
 * after its last use there, and when the user changes. A signed token says itself who it stands for, and needs no
 * memory. Which kind is used is a flag, and must be the same on all members.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseDuration } from '@timonier/component';
import { authError } from './errors.ts';
import { Jwt } from './jwt.ts';
import type { Credentials } from './types.ts';

export interface Tokens {
  /** The first part of a new simple token. */
  prefix(): string;
  /** An authentication was applied at `index`, on every member. */
  assigned(username: string, prefix: string, index: number): void;
  /** The token for the client that authenticated, on its member. Throws when this member cannot make one. */
  issue(username: string, prefix: string, index: number, revision: number): string;
  /** Who the token stands for; undefined when it is not, or no longer, one of ours. */
  find(token: string, revision: number): Credentials | undefined;
  /** The log index at which the token came to be; undefined for one that does not say. */
  indexOf(token: string): number | undefined;
  /** A user was changed: what was given out before counts no more. */
  forget(username: string): void;
  /** Authentication was disabled, or the state replaced. */
  clear(): void;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const prefixLength = 16;
/** Oldest first out: a client whose token is gone authenticates again. */
const maxTokens = 100_000;

export class SimpleTokens implements Tokens {
  readonly #ttlMs: number;
  readonly #now: () => number;
  /** Least recently used first. */
  readonly #tokens = new Map<string, { readonly username: string; readonly until: number }>();

  constructor(ttlMs: number, now: () => number = () => performance.now()) {
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  get size(): number {
    return this.#tokens.size;
  }

  prefix(): string {
    return Array.from({ length: prefixLength }, () => letters[randomInt(letters.length)] ?? '').join('');
  }

  assigned(username: string, prefix: string, index: number): void {
    this.#use(`${prefix}.${index}`, username);
    for (const [token, { until }] of this.#tokens) {
      if (this.#tokens.size <= maxTokens && until > this.#now()) break;
      this.#tokens.delete(token);
    }
  }

  issue(_username: string, prefix: string, index: number): string {
    return `${prefix}.${index}`;
  }

  find(token: string, revision: number): Credentials | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    if (known.until <= this.#now()) {
      this.#tokens.delete(token);
      return undefined;
    }
    this.#use(token, known.username);
    return { username: known.username, authRevision: revision };
  }

  #use(token: string, username: string): void {
    this.#tokens.delete(token);
    this.#tokens.set(token, { username, until: this.#now() + this.#ttlMs });
  }

  indexOf(token: string): number | undefined {
    const [, index] = /^[a-zA-Z]+\.(\d{1,15})$/.exec(token) ?? [];
    return index === undefined ? undefined : Number(index);
  }

  forget(username: string): void {
    for (const [token, known] of this.#tokens) if (known.username === username) this.#tokens.delete(token);
  }

  clear(): void {
    this.#tokens.clear();
  }
}

export class SignedTokens implements Tokens {
  readonly #jwt: Jwt;
  readonly #now: () => number;

  constructor(jwt: Jwt, now: () => number = () => Date.now()) {
    this.#jwt = jwt;
    this.#now = now;
  }

  prefix(): string {
    return '';
  }

  assigned(): void {}

  issue(username: string, _prefix: string, _index: number, revision: number): string {
    if (this.#jwt.verifyOnly) throw authError.verifyOnly();
    return this.#jwt.sign({ username, revision }, this.#now());
  }

  find(token: string): Credentials | undefined {
    const claims = this.#jwt.verify(token, this.#now());
    return claims === undefined ? undefined : { username: claims.username, authRevision: claims.revision };
  }

  indexOf(): undefined {
    return undefined;
  }

  forget(): void {}

  clear(): void {}
}

const jwtOptions = ['sign-method', 'pub-key', 'priv-key', 'ttl'];
const defaultTtlMs = 300_000;

/**
 * Reads etcd's `--auth-token`: `simple`, or `jwt,sign-method=…,pub-key=…,priv-key=…,ttl=…`. Throws with one sentence
 * on anything else. `simpleTtlMs` is how long an unused simple token lives.
 */
export function parseAuthToken(text: string, simpleTtlMs = defaultTtlMs): Tokens {
  const [kind, ...parts] = text.split(',');
  const options = new Map<string, string>();
  for (const part of parts) {
    const [name = '', value, ...more] = part.split('=');
    if (value === undefined || more.length > 0) throw new Error(`"${part}" is not an option like name=value`);
    if (options.has(name)) throw new Error(`${name} is given twice`);
    options.set(name, value);
  }
  if (kind === 'simple') return new SimpleTokens(simpleTtlMs);
  if (kind !== 'jwt') throw new Error(`"${kind}" is neither simple nor jwt`);
  const unknown = [...options.keys()].find((name) => !jwtOptions.includes(name));
  if (unknown !== undefined) throw new Error(`jwt has no option ${unknown}, only ${jwtOptions.join(', ')}`);
  const file = (name: string): Buffer | undefined => {
    const path = options.get(name) ?? '';
    return path === '' ? undefined : readFileSync(path);
  };
  const ttl = options.get('ttl') ?? '';
  return new SignedTokens(
    new Jwt({
      signMethod: options.get('sign-method') ?? '',
      publicKey: file('pub-key'),
      privateKey: file('priv-key'),
      ttlMs: ttl === '' ? defaultTtlMs : parseDuration(ttl),
    }),
  );
}
