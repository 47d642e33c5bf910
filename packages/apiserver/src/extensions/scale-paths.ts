/** What the fields must hold that a definition makes the scale of its resources. */
import type { FieldError } from '@timonier/api';
import { isBigInteger } from '@timonier/api/json';
import { parseLabelSelector } from '@timonier/api/label-selector';
import { simplePath } from './json-path.ts';
import { isObject } from './json-schema.ts';

export interface ScaleDefinition {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

const most = 2 ** 31 - 1;

/** `isStatus` leaves out what only a change of anything else can break. */
export function validateScale(
  { specReplicasPath, statusReplicasPath, labelSelectorPath }: ScaleDefinition,
  object: object,
  isStatus: boolean,
): FieldError[] {
  return [
    ...(isStatus ? [] : replicas(specReplicasPath, object)),
    ...replicas(statusReplicasPath, object),
    ...(labelSelectorPath ? selector(labelSelectorPath, object) : []),
  ];
}

function replicas(path: string, object: object): FieldError[] {
  const found = valueAt(path, object, 'int64');
  if ('problem' in found) return [invalid(path, 0, found.problem)];
  const { value } = found;
  if (value === undefined) return [];
  const number = isBigInteger(value) ? Number(value.rawJSON) : value;
  if (typeof number !== 'number' || !Number.isInteger(number))
    return [invalid(path, 0, accessError(path, value, 'int64'))];
  if (number < 0) return [invalid(path, value, 'should be a non-negative integer')];
  return number > most ? [invalid(path, value, `should be less than or equal to ${most}`)] : [];
}

function selector(path: string, object: object): FieldError[] {
  const found = valueAt(path, object, 'string');
  if ('problem' in found) return [invalid(path, '', found.problem)];
  const { value } = found;
  if (value === undefined || value === '') return [];
  if (typeof value !== 'string') return [invalid(path, '', accessError(path, value, 'string'))];
  try {
    parseLabelSelector(value);
    return [];
  } catch (error) {
    return [invalid(path, value, error instanceof Error ? error.message : String(error))];
  }
}

function invalid(field: string, badValue: unknown, detail: string): FieldError {
  return { type: 'Invalid', field, badValue, detail };
}

function valueAt(path: string, object: object, wanted: string): { value: unknown } | { problem: string } {
  let value: unknown = object;
  for (const name of simplePath(path) ?? []) {
    if (value === undefined) return { value };
    if (!isObject(value)) return { problem: accessError(path, value, 'map[string]interface{}') };
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value === null ? { problem: accessError(path, value, wanted) } : { value };
}

/** Upstream's words, with the names that its language has for JSON's types. */
function accessError(path: string, value: unknown, wanted: string): string {
  const types = { string: 'string', boolean: 'bool', number: 'float64', object: 'map[string]interface {}' };
  const type =
    value === null
      ? '<nil>'
      : Array.isArray(value)
        ? '[]interface {}'
        : (types[typeof value as keyof typeof types] ?? typeof value);
  const shown = JSON.stringify(value) ?? '';
  return `${path} accessor error: ${typeof value === 'string' ? value : shown} is of the type ${type}, expected ${wanted}`;
}
