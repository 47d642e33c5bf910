/**
 * Certificate signing requests (PKCS #10, RFC 2986): who one asks to be, and whether whoever asks holds the key. The
 * input is hostile: whatever cannot be read is an error, and nothing beyond its own length is looked at.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Attribute, Extensions, id_ce_subjectAltName, SubjectAlternativeName } from '@peculiar/asn1-x509';
import { type Element, elementAt, elementsIn, sequenceTag } from './der.ts';
import { verifySignature } from './signature.ts';
import { type Subject, subjectOfName } from './subject.ts';

const integer = 0x02;
const bitString = 0x03;
const attributes = 0xa0;
/** Where a request says what else is to be in the certificate (RFC 2985). */
const extensionRequestOid = '1.2.840.113549.1.9.14';

// oxlint-disable-next-line no-control-regex -- every character of ASCII is one of it
const ascii = /^[\x00-\x7f]*$/;

/** The names beside the subject, by their kinds. */
export interface RequestedNames {
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
}

/** The parts of a request, each as it is encoded. */
export interface RequestParts {
  /** What is signed. */
  readonly info: Buffer;
  readonly subject: Buffer;
  readonly publicKey: Buffer;
  /** The content of the attributes, one behind the other; empty when there are none. */
  readonly attributes: Buffer;
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

/** Throws when `pem` holds no request that can be read. */
export function requestedSubject(pem: string): Subject {
  return subjectOfName(partsOf(pem).subject);
}

/** Throws when `pem` holds no request that can be read, or names that cannot. */
export function requestedNames(pem: string): RequestedNames {
  const { attributes: bytes } = partsOf(pem);
  const all = elementsIn(bytes, { start: 0, end: bytes.length }, sequenceTag)
    .map(({ at, end }) => AsnConvert.parse(bytes.subarray(at, end), Attribute))
    .filter(({ type }) => type === extensionRequestOid)
    .flatMap(({ values }) => values.flatMap((value) => [...AsnConvert.parse(value, Extensions)]))
    .filter(({ extnID }) => extnID === id_ce_subjectAltName)
    .flatMap(({ extnValue }) => [...AsnConvert.parse(extnValue.buffer, SubjectAlternativeName)]);
  const ofKind = (kind: 'dNSName' | 'iPAddress' | 'rfc822Name' | 'uniformResourceIdentifier'): string[] =>
    all.map((name) => name[kind]).filter((value) => value !== undefined);
  const wrong = ofKind('iPAddress').find((ip) => isIP(ip) === 0);
  if (wrong !== undefined) throw new Error(`x509: cannot parse IP address ${wrong}`);
  for (const kind of ['dNSName', 'rfc822Name', 'uniformResourceIdentifier'] as const)
    if (ofKind(kind).some((name) => !ascii.test(name))) throw new Error(`x509: SAN ${kind} is malformed`);
  return {
    dns: ofKind('dNSName'),
    ips: ofKind('iPAddress'),
    emails: ofKind('rfc822Name'),
    uris: ofKind('uniformResourceIdentifier'),
  };
}

/** Throws when `pem` holds no request that can be read, or one that was not signed by the key it is about. */
export function checkRequestSignature(pem: string): void {
  const { info, publicKey, algorithm, signature } = partsOf(pem);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Error('x509: the public key of the certificate request cannot be read', { cause });
  }
  verifySignature({ signed: info, signature, algorithm, key });
}

const beginning = '-----BEGIN CERTIFICATE REQUEST-----';
const ending = '-----END CERTIFICATE REQUEST-----';

/** Throws when `pem` holds no request that can be read. */
export function partsOf(pem: string): RequestParts {
  const start = pem.indexOf(beginning);
  const end = pem.indexOf(ending, start + beginning.length);
  if (start < 0 || end < 0) throw new Error('there is no certificate request');
  const body = pem.slice(start + beginning.length, end);
  const request = Buffer.from(body, 'base64');
  const outer = element(request, 0, sequenceTag);
  const info = element(request, outer.start, sequenceTag);
  const version = element(request, info.start, integer);
  const subject = element(request, version.end, sequenceTag);
  const publicKey = element(request, subject.end, sequenceTag);
  const algorithm = element(request, info.end, sequenceTag);
  const signature = element(request, algorithm.end, bitString);
  // The first byte says how many bits of the last one do not count: none in a signature.
  if (request[signature.start] !== 0 || signature.end !== outer.end || outer.end !== request.length)
    throw new Error('the certificate request is not as PKCS #10 says');
  return {
    info: request.subarray(outer.start, info.end),
    subject: request.subarray(version.end, subject.end),
    publicKey: request.subarray(subject.end, publicKey.end),
    attributes: attributesOf(request, publicKey.end, info.end),
    algorithm: request.subarray(info.end, algorithm.end),
    signature: request.subarray(signature.start + 1, signature.end),
  };
}

function attributesOf(request: Buffer, at: number, end: number): Buffer {
  if (at === end) return Buffer.alloc(0);
  const found = element(request, at, attributes);
  if (found.end !== end) throw new Error('the certificate request is not as PKCS #10 says');
  return request.subarray(found.start, found.end);
}

/** The element at `at`, which has to be of that type. */
function element(bytes: Buffer, at: number, tag: number): Element {
  const found = elementAt(bytes, at);
  if (found.tag !== tag) throw new Error('the certificate request is not as PKCS #10 says');
  return found;
}
