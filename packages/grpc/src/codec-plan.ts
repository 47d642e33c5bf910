/** What a message type consists of, and the functions that are compiled from it at its first use. */
import { readFrom, reader, writer } from './codec-bytes.ts';
import { isZero, type ReadValue, type ScalarFormat } from './codec-scalars.ts';
import { WireReader } from './wire.ts';

export type Loose = Record<string, unknown>;
export interface FieldPlan {
  readonly name: string;
  readonly tag: number;
  readonly write: (value: unknown) => void;
  /** Of a field that is neither a list nor a map. */
  readonly single: { readonly format: ScalarFormat; readonly presence: boolean } | undefined;
}

export interface FieldReader {
  readonly read: (target: Loose, wireType: number) => void;
  /** Of a field that only sets its own value: its name, and what reads the value. */
  readonly single: { readonly name: string; readonly read: ReadValue } | undefined;
}

export interface MessagePlan {
  fields: FieldPlan[];
  /** By field number: reads one occurrence into the object. */
  readers: Map<number, FieldReader>;
  defaults: Loose;
  lists: string[];
  maps: string[];
  /** Compiled at their first use. */
  empty: (() => Loose) | undefined;
  write: ((message: Loose) => void) | undefined;
  read: ((target: Loose, end: number) => void) | undefined;
}

const maxDepth = 100;
let depth = 0;

export function encodeMessage(plan: MessagePlan, message: Loose): Buffer {
  try {
    writeMessage(plan, message);
    return writer.finish();
  } catch (error) {
    writer.reset();
    throw error;
  }
}

/** Throws a `WireError` when the bytes are not a message. */
export function decodeMessage(plan: MessagePlan, bytes: Buffer): Loose {
  const outer = readFrom(new WireReader(bytes));
  const outerDepth = depth;
  depth = 0;
  try {
    return readMessage(plan, reader.end);
  } finally {
    readFrom(outer);
    depth = outerDepth;
  }
}

export function writeMessage(plan: MessagePlan, message: Loose): void {
  (plan.write ??= compileWrite(plan))(message);
}

export function emptyMessage(plan: MessagePlan): Loose {
  return (plan.empty ??= compileEmpty(plan))();
}

function readMessage(plan: MessagePlan, end: number): Loose {
  const target = emptyMessage(plan);
  const outerEnd = reader.end;
  reader.end = end;
  if (++depth > maxDepth) throw new RangeError(`message is nested deeper than ${maxDepth} levels`);
  (plan.read ??= compileRead(plan))(target, end);
  depth--;
  reader.end = outerEnd;
  return target;
}

// Each type gets functions of its own, so that the engine sees one shape of object in them and one callee at each
// place. Names come from our own definitions, and everything else is passed in, not written out.

function compiled(parameters: Record<string, unknown>, body: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function(...Object.keys(parameters), body) as (...values: unknown[]) => unknown;
  return make(...Object.values(parameters));
}

function compileEmpty({ defaults, lists, maps }: MessagePlan): () => Loose {
  const names = Object.keys(defaults);
  const literal = names.map((name, i) => {
    const value = lists.includes(name) ? '[]' : maps.includes(name) ? '{}' : `values[${i}]`;
    return `${JSON.stringify(name)}: ${value}`;
  });
  const values = names.map((name) => defaults[name]);
  return compiled({ values }, `return () => ({ ${literal.join(', ')} });`) as () => Loose;
}

function compileWrite({ fields }: MessagePlan): (message: Loose) => void {
  const parameters: Record<string, unknown> = { writer, isZero };
  const lines = fields.map(({ name, tag, write, single }, i) => {
    parameters[`w${i}`] = single?.format.write ?? write;
    const wanted = single?.presence === false ? ' && !isZero(value)' : '';
    const call = single === undefined ? `w${i}(value);` : `w${i}(value); writer.varint32(${tag});`;
    return `value = message[${JSON.stringify(name)}];
      if (value !== undefined && value !== null${wanted}) { ${call} }`;
  });
  return compiled(parameters, `return (message) => { let value; ${lines.join('\n')} };`) as (
    message: Loose,
  ) => void;
}

function compileRead({ readers }: MessagePlan): (target: Loose, end: number) => void {
  const parameters: Record<string, unknown> = { current: () => reader };
  const cases = [...readers].map(([id, { read, single }]) => {
    parameters[`r${id}`] = single?.read ?? read;
    const call =
      single === undefined
        ? `r${id}(target, tag & 7);`
        : `target[${JSON.stringify(single.name)}] = r${id}();`;
    return `case ${id}: ${call} break;`;
  });
  return compiled(
    parameters,
    `return (target, end) => {
      const reader = current();
      while (reader.position < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          ${cases.join('\n')}
          default: reader.skip(tag & 7);
        }
      }
    };`,
  ) as (target: Loose, end: number) => void;
}

export function messageFormat(plan: MessagePlan): ScalarFormat {
  return {
    wireType: 2,
    zero: undefined,
    write: (value) => {
      const before = writer.length;
      writeMessage(plan, value as Loose);
      writer.varint32(writer.length - before);
    },
    read: () => readMessage(plan, reader.lengthDelimited()),
  };
}
