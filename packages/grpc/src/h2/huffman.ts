/**
 * HPACK's Huffman code (RFC 7541, appendix B), decoded byte by byte through tables.
 *
 * The code is canonical, so the lengths alone define it: codes of one length are consecutive and in the order of
 * their symbols. Padding must be shorter than a byte and all ones, and the end-of-string symbol never occurs.
 */
import { ConnectionError, ErrorCode } from './protocol.ts';

/** Lengths as pairs of (how many symbols in a row, length), from symbol 0 on; the last symbol ends a string. */
const runs = [
  1, 13, 1, 23, 7, 28, 1, 24, 1, 30, 2, 28, 1, 30, 8, 28, 1, 30, 9, 28, 1, 6, 2, 10, 1, 12, 1, 13, 1, 6, 1, 8,
  1, 11, 2, 10, 1, 8, 1, 11, 1, 8, 3, 6, 3, 5, 7, 6, 1, 7, 1, 8, 1, 15, 1, 6, 1, 12, 1, 10, 1, 13, 1, 6, 22,
  7, 1, 8, 1, 7, 1, 8, 1, 13, 1, 19, 1, 13, 1, 14, 1, 6, 1, 15, 1, 5, 1, 6, 1, 5, 1, 6, 1, 5, 3, 6, 1, 5, 2,
  7, 3, 6, 1, 5, 1, 6, 1, 7, 1, 6, 2, 5, 1, 6, 5, 7, 1, 15, 1, 11, 1, 14, 1, 13, 1, 28, 1, 20, 1, 22, 2, 20,
  3, 22, 1, 23, 1, 22, 5, 23, 1, 24, 1, 23, 2, 24, 1, 22, 1, 23, 1, 24, 4, 23, 1, 21, 1, 22, 1, 23, 1, 22, 2,
  23, 1, 24, 1, 22, 1, 21, 1, 20, 2, 22, 2, 23, 1, 21, 1, 23, 2, 22, 1, 24, 1, 21, 1, 22, 2, 23, 2, 21, 1, 22,
  1, 21, 1, 23, 1, 22, 2, 23, 1, 20, 3, 22, 1, 23, 2, 22, 1, 23, 2, 26, 1, 20, 1, 19, 1, 22, 1, 23, 1, 22, 1,
  25, 3, 26, 2, 27, 1, 26, 1, 24, 1, 25, 1, 19, 1, 21, 1, 26, 2, 27, 1, 26, 1, 27, 1, 24, 2, 21, 2, 26, 1, 28,
  3, 27, 1, 20, 1, 24, 1, 20, 1, 21, 1, 22, 2, 21, 1, 23, 2, 22, 2, 25, 2, 24, 1, 26, 1, 23, 1, 26, 1, 27, 2,
  26, 5, 27, 1, 28, 5, 27, 1, 26, 1, 30,
];

const endOfString = 256;
const longest = 30;

function codeLengths(): number[] {
  const lengths: number[] = [];
  for (let i = 0; i < runs.length; i += 2)
    for (let n = runs[i] ?? 0; n > 0; n--) lengths.push(runs[i + 1] ?? 0);
  if (lengths.length !== endOfString + 1) throw new Error(`${lengths.length} code lengths instead of 257`);
  return lengths;
}

interface Tables {
  /** By state and next byte: the state after it. */
  readonly next: Uint16Array;
  /** By state and next byte: up to two symbols that end in it, and how many, as count | first << 8 | second << 16. */
  readonly symbols: Uint32Array;
  /** By state: whether a string may end there. */
  readonly accepting: Uint8Array;
}

const failed = 0xffff;

function build(): Tables {
  const lengths = codeLengths();
  // The tree: two children for each node; a negative child is the symbol -1 - child.
  const children: number[] = [0, 0];
  let code = 0;
  for (let length = 1; length <= longest; length++) {
    code *= 2;
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      if (lengths[symbol] !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit >= 0; bit--) {
        const slot = node * 2 + (Math.floor(code / 2 ** bit) & 1);
        if (bit === 0) children[slot] = -1 - symbol;
        else {
          if (children[slot] === 0) {
            children[slot] = children.length / 2;
            children.push(0, 0);
          }
          node = children[slot] ?? 0;
        }
      }
      code++;
    }
  }
  const states = children.length / 2;
  // A complete code of n symbols has n - 1 inner nodes: no bits are left without a meaning.
  if (states !== endOfString) throw new Error(`the Huffman code has ${states} inner nodes instead of 256`);
  const next = new Uint16Array(states * 256);
  const symbols = new Uint32Array(states * 256);
  for (let state = 0; state < states; state++)
    for (let byte = 0; byte < 256; byte++) {
      let node = state;
      let found = 0;
      for (let bit = 7; bit >= 0 && node !== failed; bit--) {
        const child = children[node * 2 + ((byte >> bit) & 1)] ?? 0;
        if (child >= 0) node = child;
        else if (child === -1 - endOfString) node = failed;
        else {
          const count = found & 0xff;
          found = (found + 1) | ((-1 - child) << (8 + 8 * count));
          node = 0;
        }
      }
      next[state * 256 + byte] = node;
      symbols[state * 256 + byte] = found;
    }
  const accepting = new Uint8Array(states);
  for (let node = 0, depth = 0; depth < 8; depth++) {
    accepting[node] = 1;
    node = children[node * 2 + 1] ?? 0;
  }
  return { next, symbols, accepting };
}

const { next, symbols, accepting } = build();
let scratch = Buffer.allocUnsafeSlow(4096);

/** The string at `start` to `end`, one character for each byte. Throws COMPRESSION_ERROR when it is not valid. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  // The shortest code has five bits.
  const room = Math.ceil(((end - start) * 8) / 5) + 1;
  if (scratch.length < room) scratch = Buffer.allocUnsafeSlow(room * 2);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const slot = state * 256 + (bytes[at] ?? 0);
    state = next[slot] ?? failed;
    if (state === failed)
      throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, 'a Huffman string holds its end symbol');
    const found = symbols[slot] ?? 0;
    const count = found & 0xff;
    if (count > 0) {
      out[length++] = found >>> 8;
      if (count > 1) out[length++] = found >>> 16;
    }
  }
  if (accepting[state] !== 1)
    throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, 'a Huffman string has wrong padding');
  return out.toString('latin1', 0, length);
}
