/** What every certificate needs that is made here: numbers, extensions, signatures, and its form as text. */
import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate, Extension, Name, type TBSCertificate } from '@peculiar/asn1-x509';

/** What a key signs with. Throws for keys that no authority of a cluster has. */
export function signatureAlgorithm(key: KeyObject): AlgorithmIdentifier {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
    case 'rsa':
      return new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null });
    default:
      throw new Error(
        `an authority's key is an elliptic curve's or RSA's, not ${key.asymmetricKeyType ?? 'secret'}`,
      );
  }
}

/** The certificate, signed by a key with SHA-256, as PEM. */
export function sealed(body: TBSCertificate, key: KeyObject): string {
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(body)), key);
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: body.signature,
    signatureValue: exactBuffer(signature),
  });
  return pem('CERTIFICATE', AsnConvert.serialize(certificate));
}

/** Of a certificate in PEM. */
export function subjectOf(certificate: string): Name {
  const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return AsnConvert.parse(der, Certificate).tbsCertificate.subject;
}

export function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** 127 random bits; the top bit is clear because the number is signed, the next is set so that none is short. */
export function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return exactBuffer(bytes);
}

function exactBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
