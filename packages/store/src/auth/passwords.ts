/**
 * Password hashes: scrypt (RFC 7914) with a random salt, computed in libuv's pool and never on the event loop.
 *
 * etcd uses bcrypt, which Node does not have; docs/decisions/0050 says why this one. The cost keeps bcrypt's scale:
 * one more is twice the work. Memory stops growing at 64 MiB, then the work is repeated instead.
 * libuv's threads also write the state: few hashes are computed at a time, and whoever comes when too many wait is
 * refused.
 * A hash is text: `$scrypt$ln=LOG2N,r=R,p=P$SALT$HASH`, salt and hash in base64 without padding.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { etcdError } from '../errors.ts';

export const passwordCost = { min: 4, max: 31, default: 10 } as const;

interface Parameters {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

const saltBytes = 16;
const hashBytes = 32;
const blockSize = 8;
const maxLogN = 16;
/** What a stored hash may ask for at most; a hash comes from a client when it was computed there. */
const limits: Parameters = { logN: 20, r: 32, p: 2 ** 20 };

/** Lets a few at a time through, keeps some waiting in their order, and refuses the rest. */
export class PasswordWork {
  readonly #bounds: { readonly atOnce: number; readonly waiting: number };
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(bounds: { readonly atOnce: number; readonly waiting: number }) {
    this.#bounds = bounds;
  }

  /** Rejects with etcd's error when too many wait. */
  async do<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#bounds.atOnce) this.#running++;
    else if (this.#waiting.length >= this.#bounds.waiting) throw etcdError.tooManyRequests();
    // Whoever ends hands its place over.
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

const pool = new PasswordWork({ atOnce: 2, waiting: 500 });

/** `cost` outside of bcrypt's range counts as the default, as in etcd. */
function parametersFor(cost: number): Parameters {
  const valid = cost >= passwordCost.min && cost <= passwordCost.max ? cost : passwordCost.default;
  const logN = Math.min(valid + 4, maxLogN);
  return { logN, r: blockSize, p: 2 ** (valid + 4 - logN) };
}

function derive(password: string, salt: Buffer, { logN, r, p }: Parameters, bytes: number): Promise<Buffer> {
  const N = 2 ** logN;
  const options = { N, r, p, maxmem: 256 * N * r + 1024 * r * p };
  return pool.do(
    () =>
      new Promise((resolve, reject) => {
        scrypt(password, salt, bytes, options, (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      }),
  );
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/** In the form `$scrypt$ln=…,r=…,p=…$SALT$HASH`; `cost` is on bcrypt's scale. Rejects when too many
 * passwords are being worked on already. */
export async function hashPassword(password: string, cost: number): Promise<string> {
  const parameters = parametersFor(cost);
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, parameters, hashBytes);
  const { logN, r, p } = parameters;
  return `$scrypt$ln=${logN},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

interface Parsed {
  readonly parameters: Parameters;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

function parse(stored: string): Parsed | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,7})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    stored,
  );
  if (match === null) return undefined;
  const [, logN, r, p, salt, hash] = match;
  const parameters = { logN: Number(logN), r: Number(r), p: Number(p) };
  if (parameters.logN < 1 || parameters.r < 1 || parameters.p < 1) return undefined;
  if (parameters.logN > limits.logN || parameters.r > limits.r || parameters.p > limits.p) return undefined;
  return {
    parameters,
    salt: Buffer.from(salt ?? '', 'base64'),
    hash: Buffer.from(hash ?? '', 'base64'),
  };
}

/** Whether the text is a hash that `verifyPassword` can check. */
export function isPasswordHash(stored: string): boolean {
  const parsed = parse(stored);
  return parsed !== undefined && parsed.hash.length >= 16 && parsed.salt.length >= 8;
}

/** False for a wrong password, and for a hash that is none. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parse(stored);
  if (parsed === undefined) return false;
  const { parameters, salt, hash } = parsed;
  return timingSafeEqual(await derive(password, salt, parameters, hash.length), hash);
}
