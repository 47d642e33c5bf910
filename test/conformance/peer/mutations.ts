/**
 * Wrong variants of a right object, made systematically: every field in turn removed, of another type, empty, too long,
 * negative, huge, unknown, doubled; and every field that the object does not have, with simple values. Which values
 * make sense says the schema. Pure.
 */
import type { Schema } from '@timonier/api/schema';

export interface Mutation {
  /** Path of the field, such as `spec.template.spec.containers[0].name`. */
  readonly field: string;
  /** What became of it, such as `removed` or `= ""`. */
  readonly what: string;
  readonly object: unknown;
}

type Path = readonly (string | number)[];

const tooLong = 'a'.repeat(300);

/** `deep` says whether fields that the object lacks are made up below a message. */
export function mutations(
  object: unknown,
  schema: Schema,
  deep: (message: string) => boolean,
): readonly Mutation[] {
  const found: Mutation[] = [];
  const emit = (path: Path, what: string, value: unknown): void =>
    void found.push({ field: nameOf(path), what, object: changed(object, path, value) });
  visit(object, schema, [], emit, deep);
  return found;
}

type Emit = (path: Path, what: string, value: unknown) => void;

const removed = Symbol('removed');

function visit(
  value: unknown,
  schema: Schema,
  path: Path,
  emit: Emit,
  deep: (message: string) => boolean,
): void {
  if (path.length > 0) {
    emit(path, 'removed', removed);
    emit(path, 'null', null);
  }
  if (schema.kind === 'object' && isObject(value)) {
    if (path.length > 0) variants(emit, path, [{}, 'text', []]);
    for (const [name, inner] of Object.entries(value)) {
      if (path.length === 0 && (name === 'apiVersion' || name === 'kind')) continue;
      const field = schema.field(name);
      if (field !== undefined) visit(inner, field, [...path, name], emit, deep);
    }
    if (deep(schema.message ?? ''))
      for (const [name, field] of schema.fields)
        if (
          !(name in value) &&
          !(path.length === 0 && (name === 'apiVersion' || name === 'kind' || name === 'metadata'))
        )
          absent(field, [...path, name], emit);
  } else if (schema.kind === 'list' && Array.isArray(value)) {
    variants(emit, path, [[], {}, [null], [...(value as unknown[]), ...(value as unknown[]).slice(0, 1)]]);
    if (schema.items !== undefined && value.length > 0)
      visit(value[0], schema.items, [...path, 0], emit, deep);
  } else if (schema.kind === 'map' && isObject(value)) {
    const [first] = Object.entries(value);
    variants(emit, path, [{}, [], 'text']);
    if (first !== undefined) {
      const [key, inner] = first;
      emit(path, 'a bad key', { ...value, 'no key!': inner });
      emit(path, 'an empty key', { ...value, '': inner });
      emit(path, 'a long key', { ...value, [tooLong]: inner });
      if (schema.values !== undefined) visit(inner, schema.values, [...path, key], emit, deep);
    }
  } else if (schema.kind === 'scalar') variants(emit, path, scalars(schema));
}

/** A field that is not there: simple values, and messages with each of their fields alone. */
function absent(field: Schema, path: Path, emit: Emit): void {
  if (field.kind === 'scalar') return variants(emit, path, scalars(field));
  if (field.kind === 'map') {
    variants(emit, path, [
      { a: plain(field.values) },
      { 'no key!': plain(field.values) },
      { '': plain(field.values) },
    ]);
    return;
  }
  if (field.kind === 'list') {
    const item = plain(field.items);
    variants(emit, path, [[item], [item, item]]);
    if (field.items?.kind === 'scalar')
      variants(
        emit,
        path,
        scalars(field.items).map((one) => [one]),
      );
    else
      variants(
        emit,
        path,
        alone(field.items).map((one) => [one]),
      );
    return;
  }
  if (field.kind === 'object') variants(emit, path, [{}, ...alone(field)]);
}

/** A message with all its fields set simply, and with each of them alone. */
function alone(schema: Schema | undefined): readonly unknown[] {
  if (schema?.kind !== 'object') return [];
  const entries = [...schema.fields].map(([name, field]) => [name, plain(field)] as const);
  return [Object.fromEntries(entries), ...entries.map(([name, value]) => ({ [name]: value }))];
}

/** A simple value of the right type. */
function plain(schema: Schema | undefined, depth = 0): unknown {
  switch (schema?.kind) {
    case 'object':
      return depth >= 2
        ? {}
        : Object.fromEntries(
            [...schema.fields]
              .filter(([, field]) => field.required || field.omit === 'never')
              .map(([name, field]) => [name, plain(field, depth + 1)]),
          );
    case 'list':
      return [plain(schema.items, depth + 1)];
    case 'map':
      return { a: plain(schema.values, depth + 1) };
    case 'raw':
      return { any: 'thing' };
    case 'scalar':
      return plainScalar(schema);
    default:
      return 'x';
  }
}

function plainScalar(schema: Schema): unknown {
  switch (schema.scalar) {
    case 'bool':
      return true;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 1;
    case 'bytes':
      return 'eA==';
    case 'time':
      return '2026-01-02T03:04:05Z';
    case 'microTime':
      return '2026-01-02T03:04:05.000006Z';
    case 'duration':
      return '1s';
    case 'quantity':
      return '1';
    default:
      return schema.enum?.[0] ?? 'x';
  }
}

function scalars(schema: Schema): readonly unknown[] {
  switch (schema.scalar) {
    case 'bool':
      return [true, false, 'yes', 1];
    case 'int32':
    case 'int64':
      return [-1, 0, 1, 65_536, 2_147_483_648, 'text', 1.5];
    case 'double':
      return [-1, 0, 'text'];
    case 'intOrString':
      return [-1, 0, 1, 101, '', '50%', '-5%', 'Not A Name', {}];
    case 'quantity':
      return ['', '-1', '0', '1.5', '1m', 'text', 7];
    case 'time':
    case 'microTime':
    case 'duration':
      return ['', 'text', 7, plainScalar(schema)];
    case 'bytes':
      return ['', 'not base64!', 7];
    default:
      return ['', 'Not_A Name!', 'x', tooLong, 7, ...(schema.enum ?? [])];
  }
}

function variants(emit: Emit, path: Path, values: readonly unknown[]): void {
  for (const value of values) emit(path, `= ${shown(value)}`, value);
}

/** Short enough to read, and different for different values. */
export function shown(value: unknown): string {
  const text = (JSON.stringify(value) ?? '').replaceAll(tooLong, 'aaa…');
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

function nameOf(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy with another value at a path; what does not change is shared. */
function changed(node: unknown, [part, ...rest]: Path, value: unknown): unknown {
  if (part === undefined) return value;
  if (Array.isArray(node)) {
    const inner = changed(node[Number(part)], rest, value);
    return node.flatMap((item: unknown, i) => (i !== part ? [item] : inner === removed ? [] : [inner]));
  }
  const copy: Record<string, unknown> = isObject(node) ? { ...node } : {};
  const inner = changed(copy[part], rest, value);
  if (inner === removed) delete copy[part];
  else copy[part] = inner;
  return copy;
}
