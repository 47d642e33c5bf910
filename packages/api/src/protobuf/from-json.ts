/**
 * JSON bytes to protobuf without an object in between: what lies in a cache as text is listed and watched in protobuf by those who read
 * most. In: an object in normal form as `JSON.stringify` writes it. Out: the bytes that `writeMessage` makes of the parsed object, or
 * undefined for a text that is left to it. Messages are written from their end, so that each knows its length when that is due.
 */
import { escapes, NotPlain } from './json-bytes.ts';
import { half, JsonScan } from './json-scan.ts';
import {
  BOOL,
  type FieldPlan,
  INLINE,
  INT_OR_STRING,
  INTEGER,
  LIST,
  MAP,
  MESSAGE,
  MICRO_TIME,
  type MessagePlan,
  QUANTITY,
  RAW,
  TEXT,
  TIME,
} from './plan.ts';
import { BYTES } from './wire.ts';

/** Kept for what comes next; what needs more has room of its own. */
const usualBytes = 256 * 1024;
/** What a large text, which is mostly long values, takes at most beside itself by its length. Measured: room for any takes longer. */
const usualBound = 2;
/** What may need more is left to others. */
const mostBytes = 16 * 1024 * 1024;
/** Shorter texts are copied byte by byte. */
const shortText = 24;
const secondsOfDay = 86_400;
/** As 64 bits take, of which the first is set. */
const negativeBytes = 10;

export interface JsonSource {
  readonly json: Uint8Array;
  /** Where the message begins. */
  readonly start: number;
  /** Whether it is to end where the text ends; what follows otherwise is not looked at. */
  readonly isWhole: boolean;
  /** What the message is to say of its type. */
  readonly type?: { readonly kind: Uint8Array; readonly apiVersion: Uint8Array };
}

const firstField = (1 << 3) | BYTES;
const secondNumber = 2 << 3;
const thirdField = (3 << 3) | BYTES;

class JsonEncoder {
  readonly #scan = new JsonScan();
  readonly #usual = new Uint8Array(usualBytes);
  /** JSON at its beginning, protobuf at its end. */
  #work = this.#usual;
  /** Where the protobuf begins. */
  #at = 0;

  /** The message within fields of these tags, of which the first is the innermost. */
  encode(source: JsonSource, plan: MessagePlan, around: readonly number[]): Buffer | undefined {
    try {
      return this.#encode(source, plan, around);
    } catch (error) {
      if (error instanceof NotPlain) return undefined;
      throw error;
    } finally {
      this.#work = this.#usual;
      this.#scan.bytes = this.#usual;
      this.#scan.release();
    }
  }

  #encode(
    { json, start, isWhole, type }: JsonSource,
    plan: MessagePlan,
    around: readonly number[],
  ): Buffer | undefined {
    const scan = this.#scan;
    // What has no place beside the usual ones has room for both at once.
    this.#hold(json, json.length < usualBytes ? 0 : Math.min(json.length * usualBound, mostBytes));
    const base = scan.read(plan, start, isWhole ? json.length : undefined);
    if (type !== undefined && !(this.#says(base, type.kind) && this.#says(base + 1, type.apiVersion)))
      return undefined;
    if (scan.bound > mostBytes) return undefined;
    if (json.length + 1 + scan.bound > this.#work.length) this.#hold(json, scan.bound);
    const end = (this.#at = this.#work.length);
    this.#fields(plan.fields, base);
    for (const tag of around) this.#lengthAndTag(end, tag);
    return Buffer.from(this.#work.subarray(this.#at, end));
  }

  /** The text where it is read, with room behind it. */
  #hold(json: Uint8Array, room: number): void {
    const least = json.length + 1 + room;
    // Nothing is read of it that was not written before: there is no need to clear it.
    if (least > this.#work.length) this.#work = new Uint8Array(Buffer.allocUnsafeSlow(least).buffer);
    this.#work.set(json);
    // What is there from before would go on.
    this.#work[json.length] = 0;
    this.#scan.bytes = this.#work;
  }

  #says(place: number, text: Uint8Array): boolean {
    const { found } = this.#scan;
    const at = found[place] ?? 0;
    const start = found[at] ?? 0;
    return at !== 0 && Buffer.compare(this.#work.subarray(start, found[at + 1]), text) === 0;
  }

  /** Fields of a message from the last to the first. */
  #fields(fields: readonly FieldPlan[], base: number): void {
    const { found } = this.#scan;
    for (let i = fields.length - 1; i >= 0; i--) {
      const field = fields[i] as FieldPlan;
      if (field.way === INLINE) {
        const end = this.#at;
        this.#fields(field.inlined, base);
        this.#lengthAndTag(end, field.tag);
        continue;
      }
      const reference = found[base + field.place] ?? 0;
      if (reference === 0) {
        if (field.absent.length > 0) this.#bytes(field.absent);
      } else if (field.way === LIST) this.#list(field.item as FieldPlan, reference);
      else if (field.way === MAP) this.#map(field, reference);
      else this.#value(field, reference);
    }
  }

  #list(item: FieldPlan, last: number): void {
    const { found } = this.#scan;
    for (let at = last; at !== 0; at = found[at] ?? 0) this.#value(item, found[at + 1] ?? 0);
  }

  #map(field: FieldPlan, last: number): void {
    const { found } = this.#scan;
    for (let at = last; at !== 0; at = found[at] ?? 0) {
      const end = this.#at;
      this.#value(field.item as FieldPlan, found[at + 1] ?? 0);
      const value = this.#at;
      this.#copy(found[at + 2] ?? 0, found[at + 3] ?? 0);
      this.#lengthAndTag(value, firstField);
      this.#lengthAndTag(end, field.tag);
    }
  }

  #value(field: FieldPlan, reference: number): void {
    if (reference < 0) {
      this.#bytes(this.#scan.others[-reference - 1] ?? Buffer.alloc(0));
      return;
    }
    const { found } = this.#scan;
    const end = this.#at;
    switch (field.way) {
      case BOOL:
        this.#varint(reference - 1);
        this.#varint(field.tag);
        return;
      case INTEGER:
        this.#integer(reference);
        this.#varint(field.tag);
        return;
      case TEXT:
        this.#text(reference);
        break;
      case QUANTITY:
        this.#text(reference);
        this.#lengthAndTag(end, firstField);
        break;
      case INT_OR_STRING: {
        const isText = (found[reference + 2] ?? 0) >= 0;
        if (isText) this.#text(reference);
        this.#lengthAndTag(end, thirdField);
        if (isText) this.#varint(0);
        else this.#integer(reference);
        this.#varint(secondNumber);
        this.#varint(isText ? 1 : 0);
        this.#varint(1 << 3);
        break;
      }
      case TIME:
      case MICRO_TIME:
        this.#varint((found[reference + 2] ?? 0) * 1_000);
        this.#varint(secondNumber);
        this.#varint((found[reference] ?? 0) * secondsOfDay + (found[reference + 1] ?? 0));
        this.#varint(1 << 3);
        break;
      case MESSAGE:
        this.#fields((field.message as MessagePlan).fields, reference);
        break;
      case RAW:
        this.#copy(found[reference] ?? 0, found[reference + 1] ?? 0);
        this.#lengthAndTag(end, firstField);
        break;
      default:
        throw new Error(`no way of writing ${field.way}`);
    }
    this.#lengthAndTag(end, field.tag);
  }

  /** Before what has been written down from `end`. */
  #lengthAndTag(end: number, tag: number): void {
    this.#varint(end - this.#at);
    this.#varint(tag);
  }

  #integer(reference: number): void {
    const { found } = this.#scan;
    const size = (found[reference + 1] ?? 0) * half + (found[reference] ?? 0);
    if (found[reference + 2] === -2) this.#negative(size);
    else this.#varint(size);
  }

  /** A number below 0 by its size: the complement of one less, in ten groups of seven bits of which the last is the sign. */
  #negative(size: number): void {
    const work = this.#work;
    let at = (this.#at -= negativeBytes);
    let rest = size - 1;
    for (let i = 1; i < negativeBytes; i++) {
      work[at++] = 0xff - (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    work[at] = 1;
  }

  /** A whole number that is not below 0 and no larger than can be told apart. */
  #varint(value: number): void {
    const work = this.#work;
    if (value < 0x80) {
      work[--this.#at] = value;
      return;
    }
    let bytes = 2;
    for (let most = 0x4000; value >= most; most *= 0x80) bytes++;
    let at = (this.#at -= bytes);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) work[at++] = (rest % 0x80) | 0x80;
    work[at] = rest;
  }

  #bytes(bytes: Uint8Array): void {
    const work = this.#work;
    const at = (this.#at -= bytes.length);
    for (let i = 0; i < bytes.length; i++) work[at + i] = bytes[i] ?? 0;
  }

  #copy(start: number, end: number): void {
    const work = this.#work;
    const at = (this.#at -= end - start);
    if (end - start > shortText) work.copyWithin(at, start, end);
    else for (let i = start; i < end; i++) work[at + i - start] = work[i] ?? 0;
  }

  #text(reference: number): void {
    const { found } = this.#scan;
    const start = found[reference] ?? 0;
    const end = found[reference + 1] ?? 0;
    const escaped = found[reference + 2] ?? 0;
    if (escaped === 0) {
      this.#copy(start, end);
      return;
    }
    const work = this.#work;
    let at = (this.#at -= end - start - escaped);
    for (let i = start; i < end; i++) {
      const byte = work[i] ?? 0;
      work[at++] = byte === 0x5c ? (escapes[work[++i] ?? 0] ?? 0) : byte;
    }
  }
}

const encoder = new JsonEncoder();

/**
 * The message that stands in a text, within fields of these tags, of which the first is the innermost; undefined for a text that is left
 * to the encoder of objects, which then says what there is to say of it.
 */
export function messageFromJson(
  source: JsonSource,
  plan: MessagePlan,
  around: readonly number[] = [],
): Buffer | undefined {
  return encoder.encode(source, plan, around);
}
