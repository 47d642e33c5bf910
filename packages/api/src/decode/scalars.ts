/** Scalars of every type in their one form: quantities canonical, times in UTC, bytes as base64 without line breaks. */
import { integerValue, isBigInteger } from '../json.ts';
import { canonicalQuantity, QuantityError } from '../quantity.ts';
import type { Schema } from '../schema.ts';
import {
  formatDuration,
  formatMicroTime,
  formatTime,
  isCanonicalTime,
  parseDuration,
  parseTime,
} from '../time.ts';
import { DecodeError } from './decode-error.ts';
import { cannotUnmarshal, jsonWord, type Spot, wrongType } from './go-names.ts';

/** Throws a `DecodeError`. */
export function decodeScalar(schema: Schema, value: unknown, at: Spot): unknown {
  switch (schema.scalar) {
    case 'string':
    case 'groupVersion':
      if (typeof value === 'string') return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'double':
      if (typeof value === 'number') return value;
      break;
    case 'int32':
      if (typeof value === 'number' && Number.isInteger(value)) {
        if (value === (value | 0)) return value === 0 ? 0 : value;
        throw cannotUnmarshal(`number ${value}`, at, 'int32');
      }
      break;
    case 'int64':
      if (typeof value === 'number' && Number.isInteger(value)) return value;
      if (isBigInteger(value)) {
        const exact = BigInt(value.rawJSON);
        if (BigInt.asIntN(64, exact) === exact) return integerValue(exact);
      }
      break;
    case 'bytes':
      if (typeof value === 'string') return decodeBytes(value);
      if (Array.isArray(value)) return encodeBytes(value, at);
      break;
    case 'quantity':
      // It reads its own JSON: whatever is no quantity is a wrong one.
      try {
        return canonicalQuantity(
          typeof value === 'string'
            ? value.trim()
            : typeof value === 'number'
              ? value
              : JSON.stringify(value),
        );
      } catch (error) {
        if (error instanceof QuantityError) throw new DecodeError(error.message);
        throw error;
      }
    case 'intOrString':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' && value === (value | 0)) return value === 0 ? 0 : value;
      break;
    case 'time':
    case 'microTime':
      if (typeof value === 'string') {
        if (schema.scalar === 'time' && isCanonicalTime(value)) return value;
        const instant = parseTime(value);
        if (instant === undefined) {
          const layout =
            schema.scalar === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
          throw new DecodeError(
            `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(value)} as "2006"`,
          );
        }
        return schema.scalar === 'time' ? formatTime(instant) : formatMicroTime(instant);
      }
      break;
    case 'duration':
      if (typeof value === 'string') {
        const nanoseconds = parseDuration(value);
        if (nanoseconds === undefined) {
          throw new DecodeError(`time: invalid duration ${JSON.stringify(value)}`);
        }
        return formatDuration(nanoseconds);
      }
      break;
    default:
  }
  throw wrongType(schema, value, at);
}

/** Bytes may be given number by number, as Go writes arrays of them. */
function encodeBytes(values: readonly unknown[], at: Spot): string {
  const bytes = values.map((value) => {
    if (value === null) return 0;
    if (typeof value !== 'number')
      throw cannotUnmarshal(jsonWord(value), at, 'uint8', 'unrecognized type: uint8');
    if (!Number.isInteger(value))
      throw cannotUnmarshal(`number ${value}`, at, 'uint8', 'cannot convert float64 to uint8');
    if (value < 0 || value > 255) throw cannotUnmarshal(`number ${value}`, at, 'uint8');
    return value;
  });
  return Buffer.from(bytes).toString('base64');
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBytes(value: string): string {
  const text = /[\r\n]/.test(value) ? value.replaceAll(/[\r\n]/g, '') : value;
  if (!BASE64.test(text)) {
    const at = /[^A-Za-z0-9+/]/.exec(text)?.index ?? text.length - (text.length % 4);
    throw new DecodeError(`illegal base64 data at input byte ${at}`);
  }
  return text;
}
