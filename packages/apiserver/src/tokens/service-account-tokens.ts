/**
 * Tokens of ServiceAccounts: JSON Web Tokens (RFC 7519) with upstream's claims, signed with ES256 by a key that all
 * masters share. A token holds as long as it has not expired and the account, and the Pod or Secret it is bound to,
 * still are the ones it was issued for.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomUUID,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { Remembered } from './remembered.ts';

export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: BoundObject;
    readonly pod?: BoundObject;
    readonly node?: BoundObject;
    readonly secret?: BoundObject;
    readonly warnafter?: number;
  };
}

/**
 * Of a token in a Secret, as the controllers fill one that asks for it: without an end, and good for as long as the
 * Secret has it.
 */
export interface SecretTokenClaims {
  readonly iss: typeof secretTokenIssuer;
  readonly sub: string;
  readonly 'kubernetes.io/serviceaccount/namespace': string;
  readonly 'kubernetes.io/serviceaccount/secret.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.uid': string;
}

const secretTokenIssuer = 'kubernetes/serviceaccount';
const maxTokenBytes = 16 * 1024;
const curve = 'prime256v1';
/** Clocks of the masters that sign and verify differ by as much, as upstream takes it. */
const leewaySeconds = 60;
/** Tokens whose signature was verified; each takes about a kilobyte. */
const maxRemembered = 8_192;

export class TokenSigner {
  readonly issuer: string;
  /** The public key as others need it (RFC 7517); its id is that of upstream: the digest of its DER form. */
  readonly publicJwk: Readonly<Record<'kty' | 'crv' | 'x' | 'y' | 'kid' | 'alg' | 'use', string>>;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  /** Whether our key signed a text stays as it is; everything else about a token is asked each time. */
  readonly #signed = new Remembered<TokenClaims | SecretTokenClaims>(maxRemembered);

  /** `key` is a private key on P-256 in PEM. Throws for any other. */
  constructor(key: Buffer | string, issuer: string) {
    this.#privateKey = createPrivateKey(key);
    if (this.#privateKey.asymmetricKeyDetails?.namedCurve !== curve)
      throw new Error('the key for service account tokens must be an EC key on P-256');
    this.#publicKey = createPublicKey(this.#privateKey);
    this.issuer = issuer;
    const { x = '', y = '' } = this.#publicKey.export({ format: 'jwk' });
    const der = this.#publicKey.export({ format: 'der', type: 'spki' });
    const kid = createHash('sha256').update(der).digest('base64url');
    this.publicJwk = { use: 'sig', kty: 'EC', kid, crv: 'P-256', alg: 'ES256', x, y };
  }

  sign(claims: Omit<TokenClaims, 'iss' | 'jti'>): string {
    const header = encode({ alg: 'ES256', kid: this.publicJwk.kid });
    const payload = encode({ ...claims, iss: this.issuer, jti: randomUUID() });
    const signature = signBytes('sha256', Buffer.from(`${header}.${payload}`), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${header}.${payload}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that this cluster signed and that is valid at `now` (seconds); undefined otherwise. */
  verify(token: string, now: number): TokenClaims | SecretTokenClaims | undefined {
    if (token.length > maxTokenBytes) return undefined;
    const claims = this.#signed.of(token, this.#claimsIfSigned);
    if (claims === undefined || isOfSecret(claims)) return claims;
    const holds = claims.nbf - leewaySeconds <= now && now <= claims.exp + leewaySeconds;
    return claims.iss === this.issuer && holds ? claims : undefined;
  }

  readonly #claimsIfSigned = (token: string): TokenClaims | SecretTokenClaims | undefined => {
    const [header = '', payload = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0 || (decode(header) as { alg?: unknown } | undefined)?.alg !== 'ES256')
      return undefined;
    const bytes = Buffer.from(signature, 'base64url');
    // Node overlooks what is no base64; a token must not have any number of forms that are all remembered.
    if (bytes.toString('base64url') !== signature) return undefined;
    const isSigned = verifyBytes(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: this.#publicKey, dsaEncoding: 'ieee-p1363' },
      bytes,
    );
    // Signed by our own key, so it has the shape that `sign` or the controllers gave it.
    return isSigned ? (decode(payload) as TokenClaims | SecretTokenClaims) : undefined;
  };
}

export function isOfSecret(claims: TokenClaims | SecretTokenClaims): claims is SecretTokenClaims {
  return claims.iss === secretTokenIssuer && !('kubernetes.io' in claims);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}
