/** Whether a value is of the type that its schema names, where the schema's format has a say in what counts as one. */
import { isBigInteger } from '@timonier/api/json';
import { hasFormat, isKnownFormat } from './formats.ts';
import { fieldOf, type Findings } from './findings.ts';
import { isIntOrString, type JsonSchema } from './json-schema.ts';

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/** The name of a value's JSON type, as messages have it: an integer is what fits into 64 bits. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isBigInteger(value)) {
    const number = BigInt(value.rawJSON);
    return number >= int64Min && number <= int64Max ? 'integer' : 'number';
  }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'number';
  return typeof value;
}

export function typesOf(schema: JsonSchema): readonly string[] {
  if (isIntOrString(schema)) return ['integer', 'string'];
  return schema.type ? [schema.type] : [];
}

export function checkType(schema: JsonSchema, value: unknown, path: string, found: Findings): void {
  const types = typesOf(schema);
  const format = schema.format ?? '';
  if (types.length === 0 && format === '') return;
  const wrong = (wanted: string, actual: string): void =>
    found.add({
      type: 'TypeInvalid',
      field: fieldOf(path),
      badValue: actual,
      detail: `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
    });
  const actual = typeName(value);
  if (actual === 'null') {
    if (types.length > 0 && schema.nullable !== true) wrong(types.join(','), actual);
    else found.matches++;
    return;
  }
  const fits = types.includes(actual) || (actual === 'integer' && types.includes('number'));
  const isTextOrList = actual === 'string' || actual === 'array';
  if (format !== '' && !isTextOrList && !fits && !isNative(format, actual)) {
    wrong(format, nativeFormat(actual));
    return;
  }
  const isNumeric = types.includes('number') || types.includes('integer');
  // Whether a text has the format says the format's own check.
  if (!fits && !(format !== '' && !isNumeric && isTextOrList)) wrong(types.join(','), actual);
  else found.matches++;
}

/** How upstream's language holds a number. */
function nativeFormat(type: string): string {
  return type === 'integer' ? 'int64' : type === 'number' ? 'float64' : '';
}

function isNative(format: string, type: string): boolean {
  return nativeFormat(type) === format;
}

export function checkFormat(schema: JsonSchema, value: string, path: string, found: Findings): void {
  const { format } = schema;
  if (!format || !isKnownFormat(format)) return;
  found.matches++;
  if (!hasFormat(format, value))
    found.add({
      type: 'TypeInvalid',
      field: fieldOf(path),
      badValue: value,
      detail: `${path} in body must be of type ${format}: ${JSON.stringify(value)}`,
    });
}
