/**
 * JSON Web Tokens (RFC 7519) with etcd's claims: user name, revision of users and roles, expiry. Signed and verified
 * with the one method and key that the member was started with; a token that names another method is refused.
 *
 * Node's crypto does the signatures; what is here is their framing, small enough not to need a library that is
 * asynchronous and would put a promise in front of every request.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';

interface Method {
  readonly kind: 'rsa' | 'rsa-pss' | 'ec' | 'hmac';
  readonly digest: string;
}

const methods: ReadonlyMap<string, Method> = new Map(
  ['256', '384', '512'].flatMap((bits): [string, Method][] => {
    const digest = `sha${bits}`;
    return [
      [`RS${bits}`, { kind: 'rsa', digest }],
      [`PS${bits}`, { kind: 'rsa-pss', digest }],
      [`ES${bits}`, { kind: 'ec', digest }],
      [`HS${bits}`, { kind: 'hmac', digest }],
    ];
  }),
);

export interface JwtOptions {
  readonly signMethod: string;
  readonly publicKey: Buffer | undefined;
  readonly privateKey: Buffer | undefined;
  readonly ttlMs: number;
}

export interface Claims {
  readonly username: string;
  readonly revision: number;
}

export class Jwt {
  readonly #name: string;
  readonly #method: Method;
  readonly #signing: KeyObject | Buffer | undefined;
  readonly #verifying: KeyObject | Buffer;
  readonly #ttlMs: number;

  /** Throws with one sentence when method and keys do not go together. */
  constructor({ signMethod, publicKey, privateKey, ttlMs }: JwtOptions) {
    const method = methods.get(signMethod);
    if (method === undefined)
      throw new Error(`sign-method "${signMethod}" is none of ${[...methods.keys()].join(', ')}`);
    this.#name = signMethod;
    this.#method = method;
    this.#ttlMs = ttlMs;
    if (method.kind === 'hmac') {
      if (privateKey === undefined || privateKey.length === 0)
        throw new Error(`${signMethod} needs priv-key, the file with its secret`);
      this.#signing = this.#verifying = privateKey;
      return;
    }
    const type = method.kind === 'ec' ? 'ec' : 'rsa';
    const signing = privateKey === undefined ? undefined : createPrivateKey(privateKey);
    const given = publicKey === undefined ? undefined : createPublicKey(publicKey);
    const verifying = signing === undefined ? given : createPublicKey(signing);
    if (verifying === undefined) throw new Error(`${signMethod} needs pub-key or priv-key`);
    if (verifying.asymmetricKeyType !== type)
      throw new Error(`${signMethod} needs a key of type ${type}, not ${verifying.asymmetricKeyType}`);
    if (given !== undefined && !given.equals(verifying))
      throw new Error('pub-key does not belong to priv-key');
    this.#signing = signing;
    this.#verifying = verifying;
  }

  /** Whether tokens can be checked but not given out. */
  get verifyOnly(): boolean {
    return this.#signing === undefined;
  }

  /** `nowMs` since the epoch. */
  sign({ username, revision }: Claims, nowMs: number): string {
    const header = encode({ alg: this.#name, typ: 'JWT' });
    const payload = encode({ exp: Math.floor((nowMs + this.#ttlMs) / 1000), revision, username });
    const content = `${header}.${payload}`;
    return `${content}.${this.#signature(content).toString('base64url')}`;
  }

  /** What the token says, when its signature holds and its time is not over. */
  verify(token: string, nowMs: number): Claims | undefined {
    const parts = token.split('.');
    const [header, payload, signature] = parts;
    if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined)
      return undefined;
    if (decode(header)?.['alg'] !== this.#name) return undefined;
    if (!this.#holds(`${header}.${payload}`, Buffer.from(signature, 'base64url'))) return undefined;
    const claims = decode(payload);
    if (claims === undefined) return undefined;
    const { username, revision, exp, nbf, iat } = claims;
    const now = nowMs / 1000;
    if (exp !== undefined && !(typeof exp === 'number' && now <= exp)) return undefined;
    if (nbf !== undefined && !(typeof nbf === 'number' && now >= nbf)) return undefined;
    if (iat !== undefined && !(typeof iat === 'number' && now >= iat)) return undefined;
    if (typeof username !== 'string' || typeof revision !== 'number') return undefined;
    if (!Number.isSafeInteger(revision) || revision < 0) return undefined;
    return { username, revision };
  }

  #signature(content: string): Buffer {
    const key = this.#signing;
    if (key === undefined) throw new Error('there is no key to sign with');
    const { kind, digest } = this.#method;
    if (kind === 'hmac' || Buffer.isBuffer(key)) return createHmac(digest, key).update(content).digest();
    return sign(digest, Buffer.from(content), keyOptions(kind, key));
  }

  #holds(content: string, signature: Buffer): boolean {
    const { kind, digest } = this.#method;
    const key = this.#verifying;
    if (kind === 'hmac' || Buffer.isBuffer(key)) {
      const expected = this.#signature(content);
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    }
    try {
      return verify(digest, Buffer.from(content), keyOptions(kind, key), signature);
    } catch {
      // A signature of an impossible form.
      return false;
    }
  }
}

function keyOptions(
  kind: Method['kind'],
  key: KeyObject,
): Parameters<typeof sign>[2] & Parameters<typeof verify>[2] {
  if (kind === 'ec') return { key, dsaEncoding: 'ieee-p1363' };
  if (kind === 'rsa') return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
