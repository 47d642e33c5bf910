/** Elements of DER (X.690) in hostile bytes: nothing beyond its own length is looked at. */

export interface Element {
  readonly tag: number;
  /** Where it starts, where its content does, and where both end, in bytes from the beginning of all. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

export const sequenceTag = 0x30;
export const setTag = 0x31;

/** The element that starts at `at`. Throws when it ends behind `limit`, or is longer than 16 MiB. */
export function elementAt(bytes: Buffer, at: number, limit = bytes.length): Element {
  if (at + 2 > limit) throw new Error('the encoding ends too early');
  const tag = bytes.readUInt8(at);
  const first = bytes.readUInt8(at + 1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 3 || first === 0x80) throw new Error('the encoding has an element that is too long');
  const start = at + 2 + lengthBytes;
  if (start > limit) throw new Error('the encoding ends too early');
  const end = start + (lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes));
  if (end > limit) throw new Error('asn1: syntax error: data truncated');
  return { tag, at, start, end };
}

/** Elements with nothing between and behind them. Throws when one of them has another tag. */
export function elementsIn(
  bytes: Buffer,
  { start, end }: Pick<Element, 'start' | 'end'>,
  tag: number,
): Element[] {
  const found: Element[] = [];
  for (let at = start; at < end;) {
    const one = elementAt(bytes, at, end);
    if (one.tag !== tag) throw new Error('the encoding has an element of another type than it must be');
    found.push(one);
    at = one.end;
  }
  return found;
}
