/**
 * The header blocks of what is no gRPC, in HPACK without a dynamic table (RFC 7541). Every one has a few fields of its
 * own, so a block is written in one go into memory that is used again and again.
 */
import { staticEntries, staticTable } from './static-table.ts';

const longestBlock = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(longestBlock);
const statusIndex = 8;
const httpsIndex = 7;
/** Asks whoever passes a field on to put it into no table either (RFC 7541, 6.2.3): for secrets. */
const neverKept = 0x10;
/** Statuses and methods that the static table has whole, by their index. */
const wholeStatuses = new Map<number, number>();
const wholeMethods = new Map<string, number>();
const nameIndices = new Map<string, number>();
for (let index = staticEntries; index >= 1; index--) {
  const name = staticTable[2 * index - 2] ?? '';
  nameIndices.set(name, index);
  if (name === ':status') wholeStatuses.set(Number(staticTable[2 * index - 1]), index);
  if (name === ':method') wholeMethods.set(staticTable[2 * index - 1] ?? '', index);
}

// oxlint-disable-next-line no-control-regex -- what no value may hold (RFC 9110, 5.5), and what is no single byte
const forbidden = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/;
const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Fields that speak of a connection of HTTP/1.1 have no place here (RFC 9113, 8.2.2). */
const ofConnections = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Names as they were given: in lower case, or undefined for those that are left out. At most `mostNames`. */
const names = new Map<string, string | undefined>();
const mostNames = 512;

function nameOf(given: string): string | undefined {
  if (names.has(given)) return names.get(given);
  const lower = given.toLowerCase();
  if (!token.test(lower)) throw new TypeError(`"${given}" is no name of a header`);
  const name = ofConnections.has(lower) ? undefined : lower;
  if (names.size < mostNames) names.set(given, name);
  return name;
}

/** Of several values, each is a field of its own. */
type Fields = Readonly<Record<string, string | readonly string[]>>;

/** The header block of an answer. Throws as `putFields` does. */
export function webHead(status: number, fields: Fields): Buffer {
  let at = 0;
  const whole = wholeStatuses.get(status);
  if (whole === undefined) at = value(integer(at, statusIndex, 4, 0), String(status));
  else scratch[at++] = 0x80 | whole;
  return Buffer.from(scratch.subarray(0, putFields(at, fields)));
}

/** The header block of a request over TLS. Throws as `putFields` does. */
export function webRequestHead(
  method: string,
  authority: string,
  path: string,
  fields: Readonly<Record<string, string>>,
): Buffer {
  let at = 0;
  const whole = wholeMethods.get(method);
  if (whole === undefined) at = putField(at, ':method', method);
  else scratch[at++] = 0x80 | whole;
  scratch[at++] = 0x80 | httpsIndex;
  at = putField(at, ':authority', authority);
  at = putField(at, ':path', path);
  return Buffer.from(scratch.subarray(0, putFields(at, fields)));
}

/**
 * Writes fields and returns where the next thing goes. Throws a TypeError for a name or a value that no header can
 * carry, and for more than 64 KiB of them.
 */
function putFields(start: number, fields: Fields): number {
  let at = start;
  for (const given in fields) {
    const name = nameOf(given);
    const text = fields[given];
    if (name === undefined || text === undefined) continue;
    if (typeof text === 'string') at = putField(at, name, text);
    else for (const one of text) at = putField(at, name, one);
  }
  return at;
}

function putField(at: number, name: string, text: string): number {
  if (at + name.length + text.length > longestBlock - 32) throw new TypeError('there are too many headers');
  if (forbidden.test(text)) throw new TypeError(`header "${name}" holds characters that no header may`);
  const index = nameIndices.get(name);
  const kind = name === 'authorization' ? neverKept : 0;
  return value(
    index === undefined ? value(integer(at, 0, 4, kind), name) : integer(at, index, 4, kind),
    text,
  );
}

/** A string without Huffman's code. Returns where the next thing goes. */
function value(at: number, text: string): number {
  const start = integer(at, text.length, 7, 0);
  return start + scratch.write(text, start, 'latin1');
}

/** Number with a prefix of so many bits (RFC 7541, 5.1). */
function integer(at: number, number: number, prefixBits: number, first: number): number {
  const mask = (1 << prefixBits) - 1;
  if (number < mask) {
    scratch[at] = first | number;
    return at + 1;
  }
  scratch[at++] = first | mask;
  let rest = number - mask;
  for (; rest >= 0x80; rest >>>= 7) scratch[at++] = (rest & 0x7f) | 0x80;
  scratch[at] = rest;
  return at + 1;
}
