/**
 * Tokens that pods were given, kept as long as they are good: a new one is asked for when four fifths of its time are
 * over, or when it is a day old. When none can be had the old one goes on until it has expired. As upstream.
 */
export interface IssuedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface TokenWish {
  readonly podUid: string;
  readonly account: string;
  /** Undefined: that of the API server. */
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

interface Kept extends IssuedToken {
  readonly issuedAt: number;
  /** Tokens of many pods must not all be due at once. */
  readonly jitterMs: number;
}

const dayMs = 24 * 3_600_000;
const maxJitterMs = 10_000;
/** More than the pods of a node ever have; beyond it the oldest go, and are asked for again. */
const maxKept = 4_096;

export class TokenCache {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<string | undefined>>();

  /** `now` in milliseconds since the epoch, `random` from 0 to 1. */
  constructor(now: () => number = Date.now, random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** `ask` resolves undefined when no token is to be had. */
  async token(wish: TokenWish, ask: () => Promise<IssuedToken | undefined>): Promise<string | undefined> {
    const key = keyOf(wish);
    const kept = this.#kept.get(key);
    if (kept !== undefined && !isDue(kept, wish.expirationSeconds, this.#now())) return kept.token;
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#renew(key, ask).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return asking;
  }

  /** The pod is gone, and its tokens with it. */
  forget(podUid: string): void {
    for (const key of this.#kept.keys()) if (key.startsWith(`${podUid}\0`)) this.#kept.delete(key);
  }

  async #renew(key: string, ask: () => Promise<IssuedToken | undefined>): Promise<string | undefined> {
    const issuedAt = this.#now();
    let issued: IssuedToken | undefined;
    let failure: unknown;
    try {
      issued = await ask();
    } catch (error) {
      failure = error;
    }
    if (issued === undefined) {
      const old = this.#kept.get(key);
      if (old !== undefined && this.#now() < old.expiresAt) return old.token;
      if (failure !== undefined) throw failure;
      return undefined;
    }
    this.#kept.delete(key);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, { ...issued, issuedAt, jitterMs: this.#random() * maxJitterMs });
    return issued.token;
  }
}

function isDue({ expiresAt, issuedAt, jitterMs }: Kept, expirationSeconds: number, now: number): boolean {
  const lastFifthMs = (expirationSeconds * 1_000) / 5;
  return now > expiresAt - lastFifthMs - jitterMs || now > issuedAt + dayMs - jitterMs;
}

function keyOf({ podUid, account, audience = '', expirationSeconds }: TokenWish): string {
  return [podUid, account, audience, expirationSeconds].join('\0');
}
