/**
 * A list in protobuf part by part: what stands before its items, and each item by itself. All of them behind each other are
 * the message of the whole list, for items come last in every kind of list.
 */
import type { Schema } from '../schema.ts';
import { writeMessage } from './message.ts';
import { ProtobufError, Writer } from './wire.ts';

export class ProtobufList {
  readonly #schema: Schema;
  readonly #number: number;
  readonly #item: Schema;

  /** `schema` is the list's. Throws a `ProtobufError` for what is no list. */
  constructor(schema: Schema | undefined) {
    const items = schema?.wire.at(-1);
    if (schema === undefined || items?.name !== 'items' || items.items === undefined)
      throw new ProtobufError(`no protobuf for a list of ${schema?.name ?? 'an unknown kind'}`);
    this.#schema = schema;
    this.#number = items.number;
    this.#item = items.items;
  }

  head(metadata: object): Buffer {
    const writer = new Writer();
    writeMessage(writer, this.#schema, { metadata });
    return writer.finish();
  }

  /** One item with the number and the length before it. */
  item(object: Readonly<Record<string, unknown>>): Buffer {
    const writer = new Writer();
    writer.message(this.#number, () => writeMessage(writer, this.#item, object));
    return writer.finish();
  }
}
