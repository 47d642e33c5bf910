/**
 * The subject of requests and of certificates, as Go reads it (`pkix.Name`): of several common names the last one
 * counts, sets and sequences are the same, attributes that are not text are passed over, and text that is not what its
 * type says is an error. Whoever judges a request, signs it, or believes a certificate reads it here, and what is
 * signed is written anew from what was read: nobody is ever somebody else than who was judged.
 */
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509';
import { elementAt, elementsIn, sequenceTag, setTag } from './der.ts';

export interface Subject {
  /** Empty when there is none. */
  readonly commonName: string;
  /** In Kubernetes: groups. */
  readonly organizations: readonly string[];
}

interface Attribute {
  /** The content of its object identifier, in hexadecimal. */
  readonly type: string;
  readonly value: string;
}

const oidTag = 0x06;
/** `2.5.4`, and one byte more for each attribute. */
const prefix = '5504';
const commonName = `${prefix}03`;
const organization = `${prefix}0a`;
const serialNumber = `${prefix}05`;
/** The attributes of a signed certificate, in the order in which Go writes them; others are left out, as there. */
const listed = ['06', '08', '07', '09', '11', '0a', '0b'].map((last) => prefix + last);

/** Throws when `name` is not a Name of X.501, encoded. */
export function subjectOfName(name: Buffer): Subject {
  const found = attributesOf(name);
  return {
    commonName: lastOf(found, commonName),
    organizations: found.filter(({ type }) => type === organization).map(({ value }) => value),
  };
}

/** Throws when `certificate` is none, encoded. */
export function subjectOfCertificate(certificate: Buffer): Subject {
  const body = elementAt(certificate, elementAt(certificate, 0).start);
  const version = elementAt(certificate, body.start, body.end);
  // Only the first one has no version: serial number, algorithm, issuer and validity come before the subject.
  let at = version.tag === 0xa0 ? version.end : body.start;
  for (let before = 0; before < 4; before++) at = elementAt(certificate, at, body.end).end;
  return subjectOfName(certificate.subarray(at, elementAt(certificate, at, body.end).end));
}

/** What was read, to be written into a certificate. Throws as `subjectOfName` does. */
export function writtenAnew(name: Buffer): Name {
  const found = attributesOf(name);
  const single = (type: string): Attribute[] => {
    const value = lastOf(found, type);
    return value === '' ? [] : [{ type, value }];
  };
  const kept = [
    ...listed.flatMap((type) => found.filter((attribute) => attribute.type === type)),
    ...single(commonName),
    ...single(serialNumber),
  ];
  return new Name(
    kept.map(({ type, value }) => {
      const oid = `2.5.4.${Number.parseInt(type.slice(prefix.length), 16)}`;
      const attribute = { type: oid, value: new AttributeValue({ utf8String: value }) };
      return new RelativeDistinguishedName([new AttributeTypeAndValue(attribute)]);
    }),
  );
}

function lastOf(attributes: readonly Attribute[], wanted: string): string {
  return attributes.findLast(({ type }) => type === wanted)?.value ?? '';
}

function attributesOf(name: Buffer): Attribute[] {
  const outer = elementAt(name, 0);
  if (outer.tag !== sequenceTag || outer.end !== name.length) throw new Error('the subject is not a name');
  return elementsIn(name, outer, setTag)
    .flatMap((set) => elementsIn(name, set, sequenceTag))
    .flatMap((pair) => {
      const type = elementAt(name, pair.start, pair.end);
      const value = elementAt(name, type.end, pair.end);
      if (type.tag !== oidTag || value.end !== pair.end)
        throw new Error('the subject has an attribute that is not one');
      const text = textOf(value.tag, name.subarray(value.start, value.end));
      return text === undefined ? [] : [{ type: name.toString('hex', type.start, type.end), value: text }];
    });
}

const printable = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for what is no text. Throws for what is not what its type says. */
function textOf(tag: number, bytes: Buffer): string | undefined {
  const latin1 = bytes.toString('latin1');
  switch (tag) {
    case 0x0c:
      try {
        return utf8.decode(bytes);
      } catch (cause) {
        throw new Error('the subject has an invalid UTF-8 string', { cause });
      }
    case 0x12:
      return checked(latin1, /^[0-9 ]*$/, 'NumericString');
    case 0x13:
      return checked(latin1, printable, 'PrintableString');
    case 0x14:
      return latin1;
    case 0x16:
      // oxlint-disable-next-line no-control-regex -- every character of ASCII is one of it
      return checked(latin1, /^[\x00-\x7f]*$/, 'IA5String');
    case 0x1e:
      return ofBmp(bytes);
    default:
      return undefined;
  }
}

function checked(text: string, pattern: RegExp, type: string): string {
  if (!pattern.test(text)) throw new Error(`the subject has an invalid ${type}`);
  return text;
}

/** Two bytes a character; none beyond them, and none that is reserved. One zero at the end does not count. */
function ofBmp(bytes: Buffer): string {
  if (bytes.length % 2 !== 0) throw new Error('the subject has an invalid BMPString');
  const text = Buffer.from(bytes).swap16().toString('utf16le').replace(/\0$/, '');
  if (/[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]/.test(text))
    throw new Error('the subject has an invalid BMPString');
  return text;
}
