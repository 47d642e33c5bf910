/** The columns that a definition adds to tables, and the cells of an object's row. */
import type { ColumnDefinition } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { isBigInteger } from '@timonier/api/json';
import { humanDuration, parseTime } from '@timonier/api/time';
import type { Definition } from './definition-types.ts';
import { compilePath, JsonPathError } from './json-path.ts';

type Version = Definition['spec']['versions'][number];

type Column = NonNullable<Version['additionalPrinterColumns']>[number];

const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export interface Columns {
  readonly definitions: readonly ColumnDefinition[];
  readonly cells: (object: ApiObject, now: number) => unknown[];
}

/** The columns of a version; without any of its own it shows ages. */
export function columnsOf({ additionalPrinterColumns: own = [] }: Version): Columns {
  const wanted = own.length > 0 ? own : [age];
  const readers = wanted.map((column) => ({ type: column.type, read: reader(column.jsonPath) }));
  return {
    definitions: [
      { name: 'Name', type: 'string', format: 'name', priority: 0 },
      ...wanted.map((column) => ({
        name: column.name,
        type: column.type,
        format: column.format ?? '',
        priority: column.priority ?? 0,
        // What every object's age is, tables say by themselves.
        ...(column === age ? {} : { description: describe(column) }),
      })),
    ],
    cells: (object, now) => [
      object.metadata?.name ?? '',
      ...readers.map(({ type, read }) => cellOf(type, read(object), now)),
    ],
  };
}

/** What cannot be read as a path has no values. */
function reader(path: string): (object: unknown) => unknown[] {
  try {
    return compilePath(path);
  } catch (error) {
    if (error instanceof JsonPathError) return () => [];
    throw error;
  }
}

function describe({ description, jsonPath }: Column): string {
  return description || `Custom resource definition column (in JSONPath format): ${jsonPath}`;
}

/** One cell; null, which clients show as nothing, when there is no value of the column's type. */
function cellOf(type: string, values: readonly unknown[], now: number): unknown {
  const [first] = values;
  if (first === null && type === 'string') return '<no value>';
  if (first === undefined || first === null) return null;
  switch (type) {
    case 'integer':
      if (isBigInteger(first)) return first;
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' || isBigInteger(first) ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date': {
      if (typeof first !== 'string') return null;
      if (first === '') return '<unknown>';
      const instant = parseTime(first);
      return instant === undefined ? '<invalid>' : humanDuration(now - instant.seconds * 1_000);
    }
    default:
      return typeof first === 'string' ? first : JSON.stringify(first);
  }
}
