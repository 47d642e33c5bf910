/**
 * What the way from JSON bytes to protobuf asks of a message, made once from its schema: which name is which place, and what each
 * place becomes. Places of one message lie beside each other, those of messages inlined into it too, as their names do in JSON.
 */
import assert from 'node:assert/strict';
import { messageSchema, type Schema } from '../schema.ts';
import { absentField } from './message-writer.ts';
import { BYTES, VARINT } from './wire.ts';

/** Ways of writing a value. Plain numbers, for every value is switched over them. */
export const TEXT = 0;
export const BOOL = 1;
export const INTEGER = 2;
export const QUANTITY = 3;
export const TIME = 4;
export const MICRO_TIME = 5;
export const INT_OR_STRING = 6;
export const MESSAGE = 7;
export const LIST = 8;
export const MAP = 9;
/** JSON as it stands there. */
export const RAW = 10;
/** What few objects have: it is parsed and encoded by itself. */
export const OTHER = 11;
/** A message whose fields stand in its parent. */
export const INLINE = 12;

const scalars: Readonly<Record<string, number>> = {
  string: TEXT,
  bool: BOOL,
  int32: INTEGER,
  int64: INTEGER,
  quantity: QUANTITY,
  time: TIME,
  microTime: MICRO_TIME,
  intOrString: INT_OR_STRING,
};

export class FieldPlan {
  readonly way: number;
  readonly number: number;
  /** Number and wire type together, as they are written. */
  readonly tag: number;
  /** Where its value is found among those of its message; -1 for elements and values. */
  readonly place: number;
  readonly schema: Schema;
  /** What is written of a field that is not there. */
  readonly absent: Uint8Array;
  /** Of a MESSAGE. */
  readonly message: MessagePlan | undefined;
  /** An element of a LIST; a value of a MAP. */
  readonly item: FieldPlan | undefined;
  /** Of an INLINE message, with places of the message that it is in. */
  readonly inlined: readonly FieldPlan[];

  constructor(schema: Schema, number: number, place: number, inlined: readonly FieldPlan[] = []) {
    const way = wayOf(schema);
    this.way = way;
    this.number = number;
    this.tag = (number << 3) | (way === BOOL || way === INTEGER ? VARINT : BYTES);
    this.place = place;
    this.schema = schema;
    // Elements and values are there or are left to the encoder of objects.
    this.absent = place < 0 || schema.inline ? new Uint8Array() : absentField(schema);
    this.message = way === MESSAGE ? planOf(schema) : undefined;
    this.item =
      way === LIST
        ? new FieldPlan(schema.items as Schema, number, -1)
        : way === MAP
          ? new FieldPlan(schema.values as Schema, 2, -1)
          : undefined;
    this.inlined = inlined;
  }
}

function wayOf(schema: Schema): number {
  if (schema.inline) return INLINE;
  switch (schema.kind) {
    case 'object':
      return MESSAGE;
    case 'scalar':
      return scalars[schema.scalar ?? ''] ?? OTHER;
    case 'list':
      return schema.form === undefined ? LIST : OTHER;
    case 'map':
      return MAP;
    default:
      return schema.form === undefined ? RAW : OTHER;
  }
}

export class MessagePlan {
  readonly name: string;
  #fields: readonly FieldPlan[] | undefined;
  #absentBytes = 0;
  /** By place. */
  readonly #named: FieldPlan[] = [];
  readonly #names: Uint8Array[] = [];
  /** Places by the hash of their names, counted from 1; 0 where there is none. */
  #table = new Int32Array(0);

  constructor(name: string) {
    this.name = name;
  }

  /** In the order in which they are written. */
  get fields(): readonly FieldPlan[] {
    return (this.#fields ??= this.#make());
  }

  /** How many places it has. Those of `kind` and `apiVersion`, which are not written, are the first where a message has them. */
  get places(): number {
    this.#fields ??= this.#make();
    return this.#names.length;
  }

  /** No more than what is written of all that may not be there. */
  get absentBytes(): number {
    return this.#absentBytes;
  }

  /** The field of a name that stands from `start` to `end` and has this hash. To be asked after `places`. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): FieldPlan | undefined {
    const table = this.#table;
    const mask = table.length - 1;
    const length = end - start;
    probe: for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = (table[at] ?? 0) - 1;
      if (place < 0) return undefined;
      const name = this.#names[place] ?? this.#table;
      if (name.length !== length) continue;
      for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) continue probe;
      return this.#named[place];
    }
  }

  #make(): readonly FieldPlan[] {
    const schema = messageSchema(this.name);
    if (schema.typeMeta) this.#fieldsOf([...schema.fields.values()].filter(({ number }) => number === 0));
    const fields = this.#fieldsOf(schema.wire);
    const names = new Set(this.#names.map(String));
    assert.equal(names.size, this.#names.length, `two fields of ${this.name} have one name`);
    let size = 4;
    while (size < this.#names.length * 2) size *= 2;
    this.#table = new Int32Array(size);
    for (const [place, name] of this.#names.entries()) {
      let at = hashOf(name) & (size - 1);
      while (this.#table[at] !== 0) at = (at + 1) & (size - 1);
      this.#table[at] = place + 1;
    }
    return fields;
  }

  #fieldsOf(wire: readonly Schema[]): readonly FieldPlan[] {
    return wire.map((schema) => {
      // An inlined message has a number and a length, whatever is in it.
      this.#absentBytes += 12;
      if (schema.inline)
        return new FieldPlan(
          schema,
          schema.number,
          0,
          this.#fieldsOf(messageSchema(schema.message ?? '').wire),
        );
      const field = new FieldPlan(schema, schema.number, this.#names.length);
      this.#absentBytes += field.absent.length;
      this.#names.push(Buffer.from(schema.name));
      this.#named.push(field);
      return field;
    });
  }
}

/** The hash of a name before its first letter, and with one more. */
export const HASH_START = 7;

export function hashWith(hash: number, letter: number): number {
  return (Math.imul(hash, 31) + letter) | 0;
}

function hashOf(name: Uint8Array): number {
  return name.reduce(hashWith, HASH_START);
}

const plans = new Map<string, MessagePlan>();

/** The plan of a message; the same message has the same one. */
export function planOf({ message = '' }: Schema): MessagePlan {
  let plan = plans.get(message);
  if (plan === undefined) plans.set(message, (plan = new MessagePlan(message)));
  return plan;
}
