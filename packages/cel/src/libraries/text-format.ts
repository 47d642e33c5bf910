/** `string.format(list)`: the clauses of cel-go's strings extension. */
import { checkLength, EvaluationError } from '../errors.ts';
import { formatSeconds, formatTimestamp } from '../json.ts';
import { Duration, List, Mapping, Timestamp, TypeValue, Uint, type Value } from '../values.ts';
import { formatDouble } from './conversions.ts';

export function format(template: string, args: List): string {
  let next = 0;
  let length = template.length;
  return template.replaceAll(
    /%(?:(%)|(?:\.(\d+))?([a-zA-Z]))|%/g,
    (_, percent?: string, precision?: string, verb?: string) => {
      if (percent !== undefined) return '%';
      if (verb === undefined) throw new EvaluationError('unexpected end of string');
      if (next >= args.size) throw new EvaluationError(`index ${next} out of range`);
      const value = args.at(next++);
      const text = clause(verb, value, precision === undefined ? 6 : Number(precision));
      length += text.length;
      checkLength(length);
      return text;
    },
  );
}

function clause(verb: string, value: Value, precision: number): string {
  switch (verb) {
    case 's':
      return textOf(value);
    case 'd':
      if (typeof value === 'bigint') return String(value);
      if (value instanceof Uint) return String(value.value);
      if (typeof value === 'number') return special(value) ?? refuse('decimal clause', value);
      break;
    case 'f':
      if (typeof value === 'number') return special(value) ?? value.toFixed(Math.min(100, precision));
      break;
    case 'e':
      if (typeof value === 'number')
        return (
          special(value) ?? value.toExponential(Math.min(100, precision)).replace(/e([+-])(\d)$/, 'e$10$2')
        );
      break;
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      if (typeof value === 'bigint') return value.toString(2);
      if (value instanceof Uint) return value.value.toString(2);
      break;
    case 'o':
      if (typeof value === 'bigint') return value.toString(8);
      if (value instanceof Uint) return value.value.toString(8);
      break;
    case 'x':
    case 'X': {
      const text = hex(value);
      if (text !== undefined) return verb === 'X' ? text.toUpperCase() : text;
      break;
    }
    default:
      throw new EvaluationError(
        `could not parse formatting clause: unrecognized formatting clause "${verb}"`,
      );
  }
  return refuse(`%${verb}`, value);
}

function hex(value: Value): string | undefined {
  if (typeof value === 'bigint') return value.toString(16);
  if (value instanceof Uint) return value.value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined;
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? 'Infinity' : '-Infinity';
}

function refuse(what: string, value: Value): never {
  throw new EvaluationError(`error during formatting: ${what} does not take ${typeof value}`);
}

function textOf(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return special(value) ?? formatDouble(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatSeconds(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof List) return `[${[...value].map(textOf).join(', ')}]`;
  if (value instanceof Mapping)
    return `{${[...value.keys()]
      .map((key) => `${textOf(key)}: ${textOf(value.get(key) ?? null)}`)
      .sort()
      .join(', ')}}`;
  return refuse('string clause', value);
}
