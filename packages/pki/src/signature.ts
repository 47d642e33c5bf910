/**
 * Signatures as X.509 names them: an algorithm is an object identifier, for PSS with parameters beside it (RFC 4055,
 * RFC 5758, RFC 8410). Those that Go, and so Kubernetes, accepts for a certificate request, in its words.
 */
import { constants, type KeyObject, verify } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { RsaSaPssParams } from '@peculiar/asn1-rsa';

type KeyKind = 'rsa' | 'ec' | 'ed25519';

interface Algorithm {
  readonly kind: KeyKind;
  /** Null where the algorithm has one of its own. */
  readonly hash: string | null;
}

const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ['1.2.840.113549.1.1.5', { kind: 'rsa', hash: 'sha1' }],
  ['1.2.840.113549.1.1.11', { kind: 'rsa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { kind: 'rsa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { kind: 'rsa', hash: 'sha512' }],
  ['1.2.840.10045.4.1', { kind: 'ec', hash: 'sha1' }],
  ['1.2.840.10045.4.3.2', { kind: 'ec', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { kind: 'ec', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { kind: 'ec', hash: 'sha512' }],
  ['1.3.101.112', { kind: 'ed25519', hash: null }],
]);
const pssOid = '1.2.840.113549.1.1.10';
const pssHashes: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
const names: Readonly<Record<KeyKind, { readonly algorithm: string; readonly key: string }>> = {
  rsa: { algorithm: 'RSA', key: '*rsa.PublicKey' },
  ec: { algorithm: 'ECDSA', key: '*ecdsa.PublicKey' },
  ed25519: { algorithm: 'Ed25519', key: 'ed25519.PublicKey' },
};
const failures: Readonly<Record<KeyKind, string>> = {
  rsa: 'crypto/rsa: verification error',
  ec: 'x509: ECDSA verification failure',
  ed25519: 'x509: Ed25519 verification failure',
};

export interface SignedBytes {
  readonly signed: Buffer;
  readonly signature: Buffer;
  /** An AlgorithmIdentifier, encoded. */
  readonly algorithm: Buffer;
  readonly key: KeyObject;
}

/** Throws when `key` did not sign these bytes, or not by an algorithm that is known. */
export function verifySignature({ signed, signature, algorithm, key }: SignedBytes): void {
  const { algorithm: oid, parameters } = AsnConvert.parse(algorithm, AlgorithmIdentifier);
  const isPss = oid === pssOid;
  const known = isPss ? pssAlgorithm(parameters) : algorithms.get(oid);
  if (known === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented');
  const { kind, hash } = known;
  const found = (Object.keys(names) as KeyKind[]).find((name) => name === key.asymmetricKeyType);
  if (found !== kind)
    throw new Error(
      `x509: signature algorithm specifies an ${names[kind].algorithm} public key, but have public key of type ${
        found === undefined ? 'unknown' : names[found].key
      }`,
    );
  const padding = isPss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : {};
  if (!verify(hash, signed, { key, ...padding }, signature)) throw new Error(failures[kind]);
}

/** Its hash is among its parameters; whoever leaves them out means SHA-1, which is not taken with it. */
function pssAlgorithm(parameters: ArrayBuffer | null | undefined): Algorithm | undefined {
  if (parameters === null || parameters === undefined) return undefined;
  const hash = pssHashes.get(AsnConvert.parse(parameters, RsaSaPssParams).hashAlgorithm.algorithm);
  return hash === undefined ? undefined : { kind: 'rsa', hash };
}
