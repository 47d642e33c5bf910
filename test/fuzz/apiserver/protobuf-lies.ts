/** Protobuf whose lengths, tags and types are not those of what follows; most of it nearly right, so that it comes far. */
import type { Random } from '../../simulation/random.ts';
import { varint } from './bombs.ts';

/** Numbers as no encoder writes them: longer than any, longer than needed, without an end. */
const varints: readonly Buffer[] = [
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
  Buffer.from([0x80, 0x80, 0x80, 0x00]),
  Buffer.from([0x80]),
  Buffer.from([0]),
];
const startGroup = 3;
const endGroup = 4;

/** Changes an envelope's bytes in one to three places where a tag or a length stands. */
export function lyingProtobuf(random: Random, bytes: Buffer): Buffer {
  let out = bytes;
  for (let i = 0; i < 1 + random.below(3); i++) {
    const places = lengthsIn(out, out.subarray(0, 4).equals(Buffer.from('k8s\0')) ? 4 : 0, out.length);
    if (places.length === 0) return out;
    out = changed(random, out, random.pick(places));
  }
  return out;
}

interface Place {
  readonly tag: number;
  readonly length: number;
  readonly value: number;
  readonly end: number;
}

function changed(random: Random, bytes: Buffer, { tag, length, value, end }: Place): Buffer {
  const size = end - value;
  const put = (from: number, to: number, ...parts: Buffer[]): Buffer =>
    Buffer.concat([bytes.subarray(0, from), ...parts, bytes.subarray(to)]);
  switch (random.below(9)) {
    case 0:
      return put(length, value, varint(Math.max(0, size + random.pick([-1, 1, 2, 127, 128, -size]))));
    case 1:
      return put(length, value, random.pick(varints));
    case 2:
      // Another type of wire under the same number, and the other way round.
      return put(tag, tag + 1, Buffer.from([((bytes[tag] ?? 0) & 0xf8) | random.below(8)]));
    case 3:
      return put(tag, length, random.pick([varint(0), varint(2 ** 29 * 8 - 6), ...varints]));
    case 4:
      return put(tag, tag, ...Array.from({ length: random.below(2_000) }, () => bytes.subarray(tag, end)));
    case 5:
      return put(tag, tag, Buffer.alloc(random.below(20_000), (1 << 3) | startGroup));
    case 6:
      return put(end, end, Buffer.from([(15 << 3) | random.pick([startGroup, endGroup])]));
    case 7:
      // A field that nobody knows, with what the known one has.
      return put(tag, length, varint((900 << 3) | 2));
    default:
      return bytes.subarray(0, value + random.below(size + 1));
  }
}

/** Every field with a length in `bytes`, at every depth that parses. */
function lengthsIn(bytes: Buffer, from: number, to: number, depth = 0): Place[] {
  const out: Place[] = [];
  let at = from;
  while (at < to && out.length < 500) {
    const tag = at;
    const [key, length] = readVarint(bytes, at);
    if (key === undefined) break;
    if ((key & 7) === 0) {
      [, at] = readVarint(bytes, length);
      continue;
    }
    if ((key & 7) !== 2) break;
    const [size, value] = readVarint(bytes, length);
    if (size === undefined || value + size > to) break;
    at = value + size;
    out.push({ tag, length, value, end: at });
    if (depth < 12) out.push(...lengthsIn(bytes, value, at, depth + 1));
  }
  return out;
}

function readVarint(bytes: Buffer, at: number): readonly [value: number | undefined, next: number] {
  let value = 0;
  for (let shift = 0; shift < 28 && at < bytes.length; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
  return [undefined, at];
}
