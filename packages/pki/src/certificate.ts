/**
 * X.509 certificates: what a certificate shall say goes in, a signed one with its private key comes out as PEM.
 * Keys are ECDSA P-256 and signatures ECDSA with SHA-256 (RFC 5280, RFC 5758); nothing else is made here.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  ExtendedKeyUsage,
  type Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { extension, sealed, serialNumber, signatureAlgorithm, subjectOf } from './encoding.ts';

const commonNameOid = '2.5.4.3';
const organizationOid = '2.5.4.10';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateSpec {
  readonly commonName: string;
  /** Kubernetes groups, for client certificates. */
  readonly organizations?: readonly string[];
  readonly usages: readonly ('client' | 'server')[];
  /** DNS names and IP addresses, in any mix. */
  readonly hosts?: readonly string[];
  readonly validDays: number;
}

/** A self-signed certificate authority that may sign end entities only. */
export function createAuthority(commonName: string, validDays: number, now = new Date()): Identity {
  return issue({ commonName, usages: [], validDays }, undefined, now);
}

/** A certificate signed by `authority`. It starts an hour early, so that hosts whose clocks disagree accept it. */
export function createCertificate(spec: CertificateSpec, authority: Identity, now = new Date()): Identity {
  return issue(spec, authority, now);
}

function issue(spec: CertificateSpec, authority: Identity | undefined, now: Date): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = distinguishedName(spec.commonName, spec.organizations ?? []);
  const signingKey = authority === undefined ? privateKey : createPrivateKey(authority.key);
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm(signingKey),
    issuer: authority === undefined ? subject : subjectOf(authority.certificate),
    validity: new Validity({
      notBefore: new Date(now.getTime() - 3_600_000),
      notAfter: new Date(now.getTime() + spec.validDays * 86_400_000),
    }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      SubjectPublicKeyInfo,
    ),
    extensions: new Extensions(authority === undefined ? authorityExtensions() : leafExtensions(spec)),
  });
  return {
    certificate: sealed(body, signingKey),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** True when `key` is the private key of `certificate`. */
export function keyMatches({ certificate, key }: Identity): boolean {
  const ofKey = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
  return ofKey.equals(createPublicKey(certificate).export({ type: 'spki', format: 'der' }));
}

function distinguishedName(commonName: string, organizations: readonly string[]): Name {
  const attribute = (type: string, utf8String: string): RelativeDistinguishedName =>
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) }),
    ]);
  return new Name([
    ...organizations.map((organization) => attribute(organizationOid, organization)),
    attribute(commonNameOid, commonName),
  ]);
}

function authorityExtensions(): Extension[] {
  return [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
    extension(
      id_ce_keyUsage,
      true,
      new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature),
    ),
  ];
}

function leafExtensions(spec: CertificateSpec): Extension[] {
  const purposes = spec.usages.map((usage) => (usage === 'client' ? id_kp_clientAuth : id_kp_serverAuth));
  const extensions = [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage(purposes)),
  ];
  if (spec.hosts !== undefined && spec.hosts.length > 0) {
    const names = spec.hosts.map(
      (host) => new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }),
    );
    extensions.push(extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names)));
  }
  return extensions;
}
