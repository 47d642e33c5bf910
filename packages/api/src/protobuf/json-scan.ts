/**
 * The first of two passes from JSON bytes to protobuf: it finds where each value of a message stands, and checks that all of the text is
 * plain JSON and each value of the type that the schema says. What is found are numbers in one array, so that nothing is left to collect.
 *
 * What is found of a value depends on its way of being written. A text is where it starts and ends and how many letters in it are
 * escaped; an integer the two halves of what it has without its sign, and -1
 * or, below 0, -2; a time its days, seconds and microseconds; a message its places; a list is its last
 * element, a map its last entry, and each of those knows the one before it. A BOOL is its own reference, 1 or 2; 0 is what is not there, and
 * references below 0 are to `others`.
 */
import { isUtf8 } from 'node:buffer';
import {
  closeBrace,
  closeBracket,
  colon,
  comma,
  inText,
  JsonBytes,
  letterN,
  notPlain,
  openBrace,
  openBracket,
  quote,
} from './json-bytes.ts';
import { type JsonTime, readTime } from './json-time.ts';
import { encodedValue } from './message-writer.ts';
import {
  BOOL,
  type FieldPlan,
  HASH_START,
  INT_OR_STRING,
  INTEGER,
  LIST,
  MAP,
  MESSAGE,
  type MessagePlan,
  MICRO_TIME,
  QUANTITY,
  RAW,
  TEXT,
  TIME,
} from './plan.ts';

/** What a value takes at most beside its own bytes: numbers, lengths, and the parts of one that has only one of several. */
const valueBytes = 32;
/** Numbers that there is room for; what needs more gives it back. */
const usualFound = 1 << 14;
/** Integers are kept in halves below this. */
export const half = 2 ** 30;

export class JsonScan extends JsonBytes {
  readonly #usual = new Int32Array(usualFound);
  found = this.#usual;
  /** What is encoded already. */
  readonly others: Buffer[] = [];
  /** What was found takes no more bytes in protobuf. */
  bound = 0;
  #top = 1;
  /** The last value's. */
  #reference = 0;
  readonly #time: JsonTime = { days: 0, seconds: 0, micros: 0 };

  /**
   * Reads the object of `bytes` that begins at `start`, and ends at `end` if that is given. Returns where its places are in `found`.
   * Throws `NotPlain`.
   */
  read(plan: MessagePlan, start: number, end?: number): number {
    this.begin();
    this.#top = 1;
    this.bound = 0;
    this.others.length = 0;
    const at = this.#message(plan, start);
    if (end !== undefined && at !== end) throw notPlain;
    if (!this.isAscii && !isUtf8(this.bytes.subarray(start, at))) throw notPlain;
    return this.#reference;
  }

  override release(): void {
    super.release();
    this.others.length = 0;
    this.found = this.#usual;
  }

  #take(count: number): number {
    const at = this.#top;
    this.#top += count;
    if (this.#top > this.found.length) {
      const larger = new Int32Array(Math.max(this.#top, this.found.length * 2, this.bytes.length >> 4));
      larger.set(this.found);
      this.found = larger;
    }
    return at;
  }

  /** Keeps three numbers of a value, which becomes the last one. */
  #keep(first: number, second: number, third: number): void {
    const at = this.#take(3);
    const { found } = this;
    found[at] = first;
    found[at + 1] = second;
    found[at + 2] = third;
    this.#reference = at;
  }

  #message(plan: MessagePlan, start: number): number {
    this.enter();
    const { bytes } = this;
    const { places } = plan;
    const base = this.#take(places);
    this.found.fill(0, base, base + places);
    this.bound += plan.absentBytes;
    if (bytes[start] !== openBrace) throw notPlain;
    let at = start + 1;
    if (bytes[at] === closeBrace) at++;
    else
      for (;;) {
        if (bytes[at] !== quote) throw notPlain;
        const name = ++at;
        let hash = HASH_START;
        let byte = bytes[at] ?? 0;
        while (inText[byte] === 0) {
          hash = (Math.imul(hash, 31) + byte) | 0;
          byte = bytes[++at] ?? 0;
        }
        // No field has a name with other letters in it.
        const isPlain = byte === quote;
        if (!isPlain) at = this.text(at);
        const field = isPlain ? plan.find(bytes, name, at, hash) : undefined;
        if (bytes[++at] !== colon) throw notPlain;
        at++;
        if (field === undefined) at = this.any(at);
        else {
          const place = base + field.place;
          // Of two the last counts.
          if (this.found[place] !== 0) throw notPlain;
          if (bytes[at] === letterN) at = this.literal(at);
          else {
            at = this.#value(field, at);
            this.found[place] = this.#reference;
          }
        }
        const next = bytes[at++];
        if (next === closeBrace) break;
        if (next !== comma) throw notPlain;
      }
    this.leave();
    this.#reference = base;
    return at;
  }

  /** A value that is not `null`: as an element that is one, too. */
  #value(field: FieldPlan, at: number): number {
    this.bound += valueBytes;
    switch (field.way) {
      case TEXT:
      case QUANTITY:
        return this.#text(at);
      case BOOL: {
        const end = this.#present(at, this.literal(at));
        this.#reference = end - at === 'true'.length ? 2 : 1;
        return end;
      }
      case INTEGER:
        return this.#integer(at);
      case INT_OR_STRING:
        return this.bytes[at] === quote ? this.#text(at) : this.#integer(at);
      case TIME:
      case MICRO_TIME:
        return this.#timeOf(field, at);
      case MESSAGE:
        return this.#message(field.message as MessagePlan, at);
      case LIST:
        return this.#list(field.item as FieldPlan, at);
      case MAP:
        return this.#map(field.item as FieldPlan, at);
      case RAW: {
        const end = this.#present(at, this.any(at));
        this.bound += end - at;
        this.#keep(at, end, 0);
        return end;
      }
      default:
        return this.#other(field, at);
    }
  }

  #present(at: number, end: number): number {
    if (this.bytes[at] === letterN) throw notPlain;
    return end;
  }

  #text(at: number): number {
    if (this.bytes[at] !== quote) throw notPlain;
    const end = this.text(at + 1);
    this.bound += end - at;
    this.#keep(at + 1, end, this.escaped);
    return end + 1;
  }

  #integer(at: number): number {
    const end = this.digits(at);
    const number = Math.abs(this.number);
    this.#keep(number % half, Math.floor(number / half), this.number < 0 ? -2 : -1);
    return end;
  }

  #timeOf(field: FieldPlan, at: number): number {
    const time = this.#time;
    const end = this.bytes[at] === quote ? readTime(this.bytes, at + 1, time) : -1;
    if (end < 0) return this.#other(field, at);
    this.#keep(time.days, time.seconds, field.way === TIME ? 0 : time.micros);
    return end + 1;
  }

  #other(field: FieldPlan, at: number): number {
    const end = this.#present(at, this.any(at));
    const { buffer, byteOffset } = this.bytes;
    const value = JSON.parse(Buffer.from(buffer, byteOffset + at, end - at).toString()) as unknown;
    const encoded = encodedValue(field.number, field.schema, value);
    this.bound += encoded.length;
    this.#reference = -this.others.push(encoded);
    return end;
  }

  #list(item: FieldPlan, start: number): number {
    this.enter();
    const { bytes } = this;
    if (bytes[start] !== openBracket) throw notPlain;
    let last = 0;
    let at = start + 1;
    if (bytes[at] === closeBracket) at++;
    else
      for (;;) {
        at = this.#value(item, at);
        const value = this.#reference;
        const element = this.#take(2);
        this.found[element] = last;
        this.found[element + 1] = value;
        last = element;
        const next = bytes[at++];
        if (next === closeBracket) break;
        if (next !== comma) throw notPlain;
      }
    this.leave();
    this.#reference = last;
    return at;
  }

  /** Entries are written in the order of their names, and stored in it mostly. */
  #map(item: FieldPlan, start: number): number {
    this.enter();
    const { bytes } = this;
    if (bytes[start] !== openBrace) throw notPlain;
    let last = 0;
    let name = 0;
    let nameEnd = 0;
    let at = start + 1;
    if (bytes[at] === closeBrace) at++;
    else
      for (;;) {
        if (bytes[at] !== quote) throw notPlain;
        const from = ++at;
        while (inText[bytes[at] ?? 0] === 0) at++;
        // Of other letters the order may be another one than that of their bytes.
        if (bytes[at] !== quote || (last !== 0 && !this.isBefore(name, nameEnd, from, at))) throw notPlain;
        name = from;
        nameEnd = at;
        this.bound += nameEnd - name + valueBytes;
        if (bytes[++at] !== colon) throw notPlain;
        at = this.#value(item, at + 1);
        const value = this.#reference;
        const entry = this.#take(4);
        const { found } = this;
        found[entry] = last;
        found[entry + 1] = value;
        found[entry + 2] = name;
        found[entry + 3] = nameEnd;
        last = entry;
        const next = bytes[at++];
        if (next === closeBrace) break;
        if (next !== comma) throw notPlain;
      }
    this.leave();
    this.#reference = last;
    return at;
  }
}
