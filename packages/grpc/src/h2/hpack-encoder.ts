/**
 * Encodes headers in HPACK without a dynamic table: static entries and literals only, so a block is the same bytes on
 * every connection and the usual ones are made once.
 */
import { Status } from '../error.ts';

const statusName = 8;
const contentTypeName = 31;

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

function integer(value: number, prefixBits: number, first: number): Buffer {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([first | value]);
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A literal field that is in nobody's table afterwards. */
export function literal(name: string | number, value: string): Buffer {
  return typeof name === 'number'
    ? Buffer.concat([integer(name, 4, 0), string(value)])
    : Buffer.concat([Buffer.from([0]), string(name), string(value)]);
}

const status200 = Buffer.from([0x80 | statusName]);
const contentType = literal(contentTypeName, 'application/grpc');

/** What precedes the messages of every answer. */
export const responseBlock = Buffer.concat([status200, contentType]);

/** What follows the messages of a call that went well. */
export const okTrailers = literal('grpc-status', String(Status.OK));

/** Longest text of an error that is sent, in bytes before escaping; peers bound their header lists too. */
const maxMessageBytes = 2048;

/** gRPC's percent-encoding of `grpc-message`: UTF-8, with everything but printable ASCII and % itself escaped. */
export function percentEncode(message: string): string {
  if (/^[ -$&-~]*$/.test(message) && message.length <= maxMessageBytes) return message;
  const bytes = Buffer.from(message);
  let cut = Math.min(bytes.length, maxMessageBytes);
  // Never in the middle of a character.
  while (cut < bytes.length && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--;
  let text = '';
  for (const byte of bytes.subarray(0, cut))
    text +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}

/** The end of a call with a status, after messages or, with `alone`, in place of any. */
export function errorTrailers(code: number, message: string, alone: boolean): Buffer {
  const fields = [literal('grpc-status', String(code))];
  if (message !== '') fields.push(literal('grpc-message', percentEncode(message)));
  if (code === Status.UNIMPLEMENTED && alone) fields.push(literal('grpc-accept-encoding', 'identity'));
  return Buffer.concat(alone ? [responseBlock, ...fields] : fields);
}

/** An answer to what is no gRPC request at all. */
export function httpError(status: number, code: number, message: string): Buffer {
  return Buffer.concat([
    literal(statusName, String(status)),
    contentType,
    literal('grpc-status', String(code)),
    literal('grpc-message', percentEncode(message)),
  ]);
}
