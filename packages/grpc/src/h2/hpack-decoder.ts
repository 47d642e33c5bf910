/**
 * Decodes HPACK header blocks (RFC 7541) of one connection.
 *
 * In: the bytes of whole blocks, in the order they arrived. Out: names and values in turn. Every block must be
 * decoded, also that of a request nobody wants: the dynamic table is shared state of both peers. Strings hold one
 * character for each byte. `generation` changes with every change of the table, so whoever keeps what a block
 * decoded to knows until when it holds.
 */
import { decodeHuffman } from './huffman.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';
import { staticEntries, staticTable } from './static-table.ts';

/** What RFC 7541 counts for an entry beside its characters. */
const entryOverhead = 32;
/** The table that both sides may use unless told otherwise (RFC 7541). */
export const headerTableBytes = 4096;
/** Indices and lengths beyond this are nonsense in blocks as small as ours. */
const largestInteger = 1 << 24;

function bad(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, message);
}

export class HpackDecoder {
  generation = 0;
  /** Size of the last block's header list; fields beyond the limit were decoded but not returned. */
  listBytes = 0;
  readonly #allowed: number;
  readonly #maxListBytes: number;
  #capacity: number;
  #size = 0;
  /** Oldest first. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** `tableBytes` is what SETTINGS_HEADER_TABLE_SIZE says to the peer. */
  constructor(tableBytes: number, maxListBytes: number) {
    this.#allowed = tableBytes;
    this.#capacity = tableBytes;
    this.#maxListBytes = maxListBytes;
  }

  /** How much of the dynamic table is used, as RFC 7541 counts. */
  get tableBytes(): number {
    return this.#size;
  }

  /** Throws COMPRESSION_ERROR when the block is not valid; the connection cannot go on then. */
  decode(bytes: Buffer, start: number, end: number): string[] {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.listBytes = 0;
    const fields: string[] = [];
    while (this.#at < end) {
      const first = bytes[this.#at] ?? 0;
      if (first >= 0x80) this.#indexed(this.#integer(7), fields);
      else if (first >= 0x40) this.#literal(this.#integer(6), fields, true);
      else if (first < 0x20) this.#literal(this.#integer(4), fields, false);
      else {
        if (fields.length > 0) throw bad('a table size update stands behind a field');
        this.#resize(this.#integer(5));
      }
    }
    // The read buffer must not live on through us.
    this.#bytes = empty;
    return fields;
  }

  #indexed(index: number, fields: string[]): void {
    this.#emit(this.#name(index), this.#value(index), fields);
  }

  #literal(index: number, fields: string[], keep: boolean): void {
    const name = index === 0 ? this.#string() : this.#name(index);
    const value = this.#string();
    this.#emit(name, value, fields);
    if (keep) this.#insert(name, value);
  }

  #emit(name: string, value: string, fields: string[]): void {
    this.listBytes += name.length + value.length + entryOverhead;
    if (this.listBytes <= this.#maxListBytes) fields.push(name, value);
  }

  #name(index: number): string {
    return index <= staticEntries && index > 0
      ? (staticTable[index * 2 - 2] ?? '')
      : (this.#names[this.#slot(index)] ?? '');
  }

  #value(index: number): string {
    return index <= staticEntries && index > 0
      ? (staticTable[index * 2 - 1] ?? '')
      : (this.#values[this.#slot(index)] ?? '');
  }

  #slot(index: number): number {
    const slot = this.#names.length - (index - staticEntries);
    if (index === 0 || slot < 0) throw bad(`header index ${index} is in no table`);
    return slot;
  }

  #insert(name: string, value: string): void {
    this.generation++;
    const size = name.length + value.length + entryOverhead;
    this.#evict(this.#capacity - size);
    // An entry larger than the whole table empties it and is not kept.
    if (size > this.#capacity) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#size += size;
  }

  #evict(target: number): void {
    while (this.#size > target && this.#names.length > 0)
      this.#size -= (this.#names.shift() ?? '').length + (this.#values.shift() ?? '').length + entryOverhead;
  }

  #resize(capacity: number): void {
    if (capacity > this.#allowed) throw bad(`table size ${capacity} is beyond the allowed ${this.#allowed}`);
    this.generation++;
    this.#capacity = capacity;
    this.#evict(capacity);
  }

  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end) throw bad('a header block ends inside a number');
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > largestInteger || shift > 28) throw bad('a number in a header block is too large');
      if (byte < 0x80) return value;
    }
  }

  #string(): string {
    if (this.#at >= this.#end) throw bad('a header block ends before a string');
    const huffman = (this.#bytes[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw bad('a header block ends inside a string');
    this.#at = end;
    return huffman ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString('latin1', start, end);
  }
}

const empty = Buffer.alloc(0);
