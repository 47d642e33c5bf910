/** The columns that a definition adds to tables, and the cells of an object's row. */
import type { ColumnDefinition } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { humanDuration, parseTime } from '@timonier/api/time';
import type { Definition } from './definition-types.ts';
import { compilePath } from './json-path.ts';

type Version = Definition['spec']['versions'][number];

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ageText = 'Time since this object was created, as a duration up to now.';

export interface Columns {
  readonly definitions: readonly ColumnDefinition[];
  readonly cells: (object: ApiObject, now: number) => unknown[];
}

/** The columns of a version; without any of its own it shows ages. */
export function columnsOf({ additionalPrinterColumns = [] }: Version): Columns {
  const wanted =
    additionalPrinterColumns.length > 0 ? additionalPrinterColumns : [{ ...age, description: ageText }];
  const readers = wanted.map((column) => ({ type: column.type, read: compilePath(column.jsonPath) }));
  return {
    definitions: [
      {
        name: 'Name',
        type: 'string',
        format: 'name',
        priority: 0,
        description: 'Name of the object, unique within a namespace.',
      },
      ...wanted.map((column) => ({
        name: column.name,
        type: column.type,
        format: 'format' in column ? (column.format ?? '') : '',
        priority: 'priority' in column ? (column.priority ?? 0) : 0,
        description: column.description || `Value of ${column.jsonPath}`,
      })),
    ],
    cells: (object, now) => [
      object.metadata?.name ?? '',
      ...readers.map(({ type, read }) => cellOf(type, read(object), now)),
    ],
  };
}

/** One cell; null, which clients show as nothing, when there is no value of the column's type. */
function cellOf(type: string, values: readonly unknown[], now: number): unknown {
  const [first] = values;
  if (first === undefined || first === null) return null;
  switch (type) {
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date': {
      if (typeof first !== 'string') return null;
      const instant = parseTime(first);
      return instant === undefined ? '<invalid>' : humanDuration(now - instant.seconds * 1_000);
    }
    default:
      return values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ');
  }
}
