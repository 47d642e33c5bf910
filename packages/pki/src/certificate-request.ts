/**
 * Who a certificate signing request asks to be: the subject of PKCS #10 (RFC 2986), read without looking at the rest.
 * The input is hostile: whatever cannot be read is an error, and nothing beyond its own length is looked at.
 */
import { AsnConvert } from '@peculiar/asn1-schema';
import { Name } from '@peculiar/asn1-x509';

const commonNameOid = '2.5.4.3';
const organizationOid = '2.5.4.10';
const sequence = 0x30;
const integer = 0x02;

export interface RequestedSubject {
  readonly commonName: string;
  /** In Kubernetes: groups. */
  readonly organizations: readonly string[];
}

/** Throws when `pem` holds no request that can be read. */
export function requestedSubject(pem: string): RequestedSubject {
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]+?)-----END CERTIFICATE REQUEST-----/.exec(
    pem,
  )?.[1];
  if (body === undefined) throw new Error('there is no certificate request');
  const request = Buffer.from(body, 'base64');
  const outer = element(request, 0, sequence);
  const info = element(request, outer.start, sequence);
  const version = element(request, info.start, integer);
  const subject = element(request, version.end, sequence);
  const name = AsnConvert.parse(request.subarray(version.end, subject.end), Name);
  const values = (oid: string): string[] =>
    [...name].flatMap((set) =>
      [...set].filter(({ type }) => type === oid).map(({ value }) => value.toString()),
    );
  return { commonName: values(commonNameOid).at(-1) ?? '', organizations: values(organizationOid) };
}

/** Where the content of the DER element at `at` starts and ends. */
function element(bytes: Buffer, at: number, tag: number): { readonly start: number; readonly end: number } {
  if (bytes[at] !== tag) throw new Error('the certificate request is not as PKCS #10 says');
  const first = bytes[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3) throw new Error('the certificate request is too long');
  const start = at + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  if (start + length > bytes.length) throw new Error('the certificate request ends too early');
  return { start, end: start + length };
}
