/**
 * Whom a bearer token names: each kind of token is tried in upstream's order, and the first that knows it decides. Kinds
 * that need nothing from outside answer at once, so that the usual request never waits. What had to be verified with
 * effort is remembered for a short time; the number remembered is bounded.
 */
import { createHash } from 'node:crypto';
import type { User } from '../pipeline/authenticate.ts';

export interface Authenticated {
  readonly user: User;
  /** Those of the asked audiences that the token is for. */
  readonly audiences: readonly string[];
}

export type TokenAnswer = Authenticated | undefined;

export interface TokenKind {
  /** Without `audiences` the token must be for this API server. */
  authenticate(token: string, audiences?: readonly string[]): TokenAnswer | Promise<TokenAnswer>;
}

const maxTokenBytes = 16 * 1024;

export class TokenChain implements TokenKind {
  readonly #kinds: readonly TokenKind[];

  constructor(kinds: readonly TokenKind[]) {
    this.#kinds = kinds;
  }

  authenticate(token: string, audiences?: readonly string[]): TokenAnswer | Promise<TokenAnswer> {
    if (token.length > maxTokenBytes) return undefined;
    for (const [i, kind] of this.#kinds.entries()) {
      const answer = kind.authenticate(token, audiences);
      if (answer instanceof Promise) return this.#goOn(answer, i + 1, token, audiences);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  async #goOn(
    first: Promise<TokenAnswer>,
    from: number,
    token: string,
    audiences: readonly string[] | undefined,
  ): Promise<TokenAnswer> {
    const answer = await first;
    if (answer !== undefined) return answer;
    for (const kind of this.#kinds.slice(from)) {
      const next = await kind.authenticate(token, audiences);
      if (next !== undefined) return next;
    }
    return undefined;
  }
}

/** As upstream's cache of verified tokens. */
const rememberedMs = 10_000;
const maxRemembered = 4_096;

/** Users by the digest of their token: the tokens themselves are not kept. */
export class RememberedTokens {
  readonly #now: () => number;
  readonly #users = new Map<string, { readonly user: User; readonly until: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  find(token: string): User | undefined {
    const key = digest(token);
    const entry = this.#users.get(key);
    if (entry === undefined) return undefined;
    if (this.#now() < entry.until) return entry.user;
    this.#users.delete(key);
    return undefined;
  }

  /** `validUntil` in milliseconds: nothing is remembered longer than it holds. */
  add(token: string, user: User, validUntil: number): void {
    const oldest = this.#users.keys().next().value;
    if (this.#users.size >= maxRemembered && oldest !== undefined) this.#users.delete(oldest);
    this.#users.set(digest(token), { user, until: Math.min(validUntil, this.#now() + rememberedMs) });
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
