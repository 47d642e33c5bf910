/**
 * A list in protobuf part by part: what stands before its items, each item by itself, and what stands behind them. All of them behind each
 * other are the message of the whole list.
 */
import type { Schema } from '../schema.ts';
import { messageFromJson } from './from-json.ts';
import { writeMessage } from './message-writer.ts';
import { type MessagePlan, planOf } from './plan.ts';
import { BYTES, ProtobufError, Writer } from './wire.ts';

type Fields = Readonly<Record<string, unknown>>;

export class ProtobufList {
  readonly #schema: Schema;
  readonly #number: number;
  readonly #item: Schema;
  readonly #plan: MessagePlan;
  /** Where items are metadata and nothing else. */
  readonly #partial: { readonly plan: MessagePlan; readonly tags: readonly number[] } | undefined;
  readonly #tag: number;

  /** `schema` is the list's. Throws a `ProtobufError` for what is no list. */
  constructor(schema: Schema | undefined) {
    const items = schema?.wire.find(({ name }) => name === 'items');
    if (schema === undefined || items?.items === undefined)
      throw new ProtobufError(`no protobuf for a list of ${schema?.name ?? 'an unknown kind'}`);
    this.#schema = schema;
    this.#number = items.number;
    this.#item = items.items;
    this.#plan = planOf(items.items);
    this.#tag = (items.number << 3) | BYTES;
    const [metadata, second] = items.items.wire;
    if (metadata?.name === 'metadata' && second === undefined)
      this.#partial = { plan: planOf(metadata), tags: [(metadata.number << 3) | BYTES, this.#tag] };
  }

  head(metadata: object): Buffer {
    return this.#frame(metadata, (number) => number < this.#number);
  }

  tail(metadata: object): Buffer {
    return this.#frame(metadata, (number) => number > this.#number);
  }

  #frame(metadata: object, isIn: (number: number) => boolean): Buffer {
    const writer = new Writer();
    const wire = this.#schema.wire.filter(({ number }) => isIn(number));
    writeMessage(writer, { wire }, { metadata });
    return writer.finish();
  }

  /** One item with the number and the length before it. */
  item(object: Fields): Buffer {
    const writer = new Writer();
    writer.message(this.#number, () => writeMessage(writer, this.#item, object));
    return writer.finish();
  }

  /** The same of an object in JSON; undefined for a text that is to be parsed for it. */
  itemOfJson(json: Uint8Array): Buffer | undefined {
    return messageFromJson({ json, start: 0, isWhole: true }, this.#plan, [this.#tag]);
  }

  /** The same of an item that is metadata and nothing else: those that begin at `start` of a text. */
  itemOfMetadata(json: Uint8Array, start: number): Buffer | undefined {
    if (this.#partial === undefined) return undefined;
    return messageFromJson({ json, start, isWhole: false }, this.#partial.plan, this.#partial.tags);
  }
}
