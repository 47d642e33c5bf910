/**
 * The envelope around protobuf objects: four magic bytes, then a message with the object's type and its bytes.
 * Watch events have a frame of their own, whose object is a whole envelope.
 */
import { BYTES, Reader, Writer } from './wire.ts';

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** Whether the bytes begin like an enveloped object. */
export function isEnveloped(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Takes the envelope off; undefined when the magic is missing. */
export function openEnvelope(bytes: Uint8Array): Envelope | undefined {
  if (!isEnveloped(bytes)) return undefined;
  const reader = new Reader(bytes, 4);
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  while (!reader.done) {
    const tag = reader.small();
    if (tag >>> 3 === 1) {
      const type = reader.message();
      while (!type.done) {
        const inner = type.small();
        if (inner >>> 3 === 1) apiVersion = type.string();
        else if (inner >>> 3 === 2) kind = type.string();
        else type.skip(inner & 7);
      }
    } else if (tag >>> 3 === 2) {
      raw = reader.bytes();
    } else {
      reader.skip(tag & 7);
    }
  }
  return { apiVersion, kind, raw };
}

/** What stands behind a message in its envelope: no encoding and no type of content. */
export const envelopeEnd = emptyTexts();

function emptyTexts(): Buffer {
  const writer = new Writer();
  writer.string(3, '');
  writer.string(4, '');
  return writer.finish();
}

/** What stands before a message of `bytes` in its envelope. */
export function envelopeStart(apiVersion: string, kind: string, bytes: number): Buffer {
  const before = new Writer();
  before.raw(MAGIC);
  before.message(1, () => {
    before.string(1, apiVersion);
    before.string(2, kind);
  });
  before.tag(2, BYTES);
  before.varint(bytes);
  return before.finish();
}

/** One frame of a protobuf watch: big-endian length, then the event. */
export function watchFrame(type: string, object: Uint8Array): Buffer {
  const writer = new Writer();
  writer.raw(Buffer.alloc(4));
  writer.string(1, type);
  writer.message(2, () => writer.bytes(1, object));
  const out = writer.finish();
  out.writeUInt32BE(out.length - 4, 0);
  return out;
}
