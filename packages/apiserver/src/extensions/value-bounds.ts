/** Bounds of texts and numbers. Of a text only the first bound that it breaks is told, of a number all. */
import { isBigInteger } from '@timonier/api/json';
import { fieldOf, type Findings } from './findings.ts';
import { boundOf, type JsonSchema } from './json-schema.ts';
import { regexFor } from './patterns.ts';
import { typeName, typesOf } from './value-type.ts';

export function checkText(schema: JsonSchema, value: string, path: string, found: Findings): void {
  const { pattern } = schema;
  const [minLength, maxLength] = [boundOf(schema.minLength), boundOf(schema.maxLength)];
  const length = minLength === undefined && maxLength === undefined ? 0 : Array.from(value).length;
  if (maxLength !== undefined && length > maxLength)
    found.add({
      type: 'TooLong',
      field: fieldOf(path),
      detail: `may not be more than ${maxLength} ${maxLength === 1 ? 'byte' : 'bytes'}`,
    });
  else if (minLength !== undefined && length < minLength)
    found.invalid(path, value, `should be at least ${minLength} chars long`);
  else if (pattern && regexFor(pattern)?.test(value) === false)
    found.invalid(path, value, `should match '${pattern}'`);
}

export function checkNumber(schema: JsonSchema, value: unknown, path: string, found: Findings): void {
  const number = isBigInteger(value) ? Number(value.rawJSON) : (value as number);
  checkRange(schema, value, number, path, found);
  const isInteger = typeName(value) === 'integer';
  // Upstream compares an integer with the bound without its fraction.
  const bound = (name: 'minimum' | 'maximum' | 'multipleOf'): number | undefined => {
    const given = boundOf(schema[name]);
    return given !== undefined && isInteger ? Math.trunc(given) : given;
  };
  const [minimum, maximum, multipleOf] = [bound('minimum'), bound('maximum'), bound('multipleOf')];
  if (multipleOf !== undefined) {
    if (multipleOf <= 0)
      found.add({
        type: 'Invalid',
        field: fieldOf(path),
        badValue: multipleOf,
        detail: `factor MultipleOf declared for ${path} must be positive: ${multipleOf}`,
      });
    else if (!isMultiple(number, multipleOf))
      found.invalid(path, value, `should be a multiple of ${multipleOf}`);
  }
  if (maximum !== undefined) {
    const { exclusiveMaximum } = schema;
    if (exclusiveMaximum === true ? number >= maximum : number > maximum)
      found.invalid(
        path,
        value,
        `should be less than ${exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`,
      );
  }
  if (minimum !== undefined) {
    const { exclusiveMinimum } = schema;
    if (exclusiveMinimum === true ? number <= minimum : number < minimum)
      found.invalid(
        path,
        value,
        `should be greater than ${exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`,
      );
  }
  found.matches++;
}

function isMultiple(number: number, of: number): boolean {
  const quotient = number / of;
  // Beyond 64 bits upstream cannot say that it is one.
  return Math.abs(quotient) < 2 ** 63 && Math.abs(quotient - Math.round(quotient)) <= 1e-9;
}

/** Whether a number can be held by the type and format that the schema names. */
function checkRange(schema: JsonSchema, value: unknown, number: number, path: string, found: Findings): void {
  const [type, ...others] = typesOf(schema);
  const { format } = schema;
  if (type === undefined || others.length > 0) return;
  const isHeld =
    type === 'integer'
      ? isHeldInteger(value, number, format)
      : type !== 'number' || format !== 'float' || Math.abs(number) <= 3.402_823_466_385_288_6e38;
  if (isHeld) return;
  const kind = format ? `${type} with format ${format}` : `${type} (default format)`;
  found.general(`Checked value must be of type ${kind} in ${path}`);
}

function isHeldInteger(value: unknown, number: number, format: string | undefined): boolean {
  if (typeName(value) !== 'integer') return false;
  return format !== 'int32' || (number >= -0x8000_0000 && number <= 0x7fff_ffff);
}
