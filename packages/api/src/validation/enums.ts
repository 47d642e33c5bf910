/** Closed sets of values, checked by the schema wherever they stand outside of `status`. */
import type { Schema } from '../schema.ts';
import { notSupported, type FieldError } from './field-error.ts';

const carries = new Map<Schema, boolean>();

function carriesEnum(schema: Schema): boolean {
  const known = carries.get(schema);
  if (known !== undefined) return known;
  carries.set(schema, false); // ends the recursion of schemas that contain themselves
  let found = schema.enum !== undefined;
  if (schema.items !== undefined) found ||= carriesEnum(schema.items);
  if (schema.values !== undefined) found ||= carriesEnum(schema.values);
  for (const field of schema.fields.values()) {
    if (carriesEnum(field)) {
      found = true;
      break;
    }
  }
  carries.set(schema, found);
  return found;
}

const concerned = new Map<Schema, readonly (readonly [string, Schema])[]>();

/** The fields of an object that are of a closed set, or have one below them. */
function enumFields(schema: Schema): readonly (readonly [string, Schema])[] {
  let fields = concerned.get(schema);
  if (fields === undefined) {
    fields = [...schema.fields].filter(([, field]) => carriesEnum(field));
    concerned.set(schema, fields);
  }
  return fields;
}

/** The empty text counts as absent here; where a value must be given, the kind's own rules say so. */
export function validateEnums(schema: Schema, value: unknown, path = ''): FieldError[] {
  if (value === undefined || value === null || value === '' || !carriesEnum(schema)) return [];
  if (schema.kind === 'scalar') {
    return schema.enum !== undefined && !schema.enum.includes(value as string)
      ? [notSupported(path, value, [...schema.enum].sort())]
      : [];
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return value.flatMap((item: unknown, i) => validateEnums(items, item, `${path}[${i}]`));
  }
  if (typeof value !== 'object') return [];
  const fields = value as Readonly<Record<string, unknown>>;
  if (schema.values !== undefined) {
    const { values } = schema;
    return Object.entries(fields).flatMap(([key, item]) => validateEnums(values, item, `${path}[${key}]`));
  }
  let errors: FieldError[] | undefined;
  for (const [name, field] of enumFields(schema)) {
    const item = fields[name];
    if (item === undefined || (path === '' && name === 'status')) continue;
    const found = validateEnums(field, item, path === '' ? name : `${path}.${name}`);
    if (found.length > 0) errors = [...(errors ?? []), ...found];
  }
  return errors ?? [];
}
