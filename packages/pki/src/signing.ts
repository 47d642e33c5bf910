/**
 * Certificates for those who ask with a request: the subject, the names and the key are the request's, written anew from
 * what was read and judged, everything else is the signer's. Whatever else a request wants, such as to be an authority, is not read.
 */
import { createPrivateKey } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  ExtendedKeyUsage,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import type { Identity } from './certificate.ts';
import { checkRequestSignature, partsOf, requestedNames } from './certificate-request.ts';
import { extension, sealed, serialNumber, signatureAlgorithm, subjectOf } from './encoding.ts';
import { writtenAnew } from './subject.ts';

export interface SigningPolicy {
  /** As Kubernetes names them: `digital signature`, `client auth` and so on. */
  readonly usages: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const keyUsages: Readonly<Record<string, number>> = {
  signing: KeyUsageFlags.digitalSignature,
  'digital signature': KeyUsageFlags.digitalSignature,
  'content commitment': KeyUsageFlags.nonRepudiation,
  'key encipherment': KeyUsageFlags.keyEncipherment,
  'data encipherment': KeyUsageFlags.dataEncipherment,
  'key agreement': KeyUsageFlags.keyAgreement,
  'cert sign': KeyUsageFlags.keyCertSign,
  'crl sign': KeyUsageFlags.cRLSign,
  'encipher only': KeyUsageFlags.encipherOnly,
  'decipher only': KeyUsageFlags.decipherOnly,
};
const purpose = (number: number): string => `1.3.6.1.5.5.7.3.${number}`;
const extendedUsages: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': purpose(1),
  'client auth': purpose(2),
  'code signing': purpose(3),
  'email protection': purpose(4),
  's/mime': purpose(4),
  'ipsec end system': purpose(5),
  'ipsec tunnel': purpose(6),
  'ipsec user': purpose(7),
  timestamping: purpose(8),
  'ocsp signing': purpose(9),
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

/** The certificate as PEM. Throws when the request cannot be read, or who asks does not hold its key. */
export function signRequest(request: string, policy: SigningPolicy, authority: Identity): string {
  checkRequestSignature(request);
  const { subject, publicKey } = partsOf(request);
  const key = createPrivateKey(authority.key);
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: signatureAlgorithm(key),
    issuer: subjectOf(authority.certificate),
    validity: new Validity({ notBefore: policy.notBefore, notAfter: policy.notAfter }),
    subject: writtenAnew(subject),
    subjectPublicKeyInfo: AsnConvert.parse(publicKey, SubjectPublicKeyInfo),
    extensions: new Extensions([...usageExtensions(policy.usages), ...nameExtensions(request)]),
  });
  return sealed(body, key);
}

function usageExtensions(usages: readonly string[]): ReturnType<typeof extension>[] {
  const flags = usages.reduce((all, usage) => all | (keyUsages[usage] ?? 0), 0);
  const purposes = [...new Set(usages.map((usage) => extendedUsages[usage]))].filter(
    (oid) => oid !== undefined,
  );
  return [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    ...(flags === 0 ? [] : [extension(id_ce_keyUsage, true, new KeyUsage(flags))]),
    ...(purposes.length === 0 ? [] : [extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage(purposes))]),
  ];
}

function nameExtensions(request: string): ReturnType<typeof extension>[] {
  const { dns, ips, emails, uris } = requestedNames(request);
  const names = [
    ...dns.map((dNSName) => new GeneralName({ dNSName })),
    ...emails.map((rfc822Name) => new GeneralName({ rfc822Name })),
    ...ips.map((iPAddress) => new GeneralName({ iPAddress })),
    ...uris.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
  ];
  return names.length === 0
    ? []
    : [extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names))];
}
