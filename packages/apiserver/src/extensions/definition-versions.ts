/** What is wrong with the parts of one version of a definition, but for its schema. */
import { type FieldError, fieldErrors } from '@timonier/api';
import type { Definition } from './definition-types.ts';
import { pathOfField } from './field-paths.ts';
import { simplePath } from './json-path.ts';
import type { JsonSchema } from './json-schema.ts';

const { duplicate, invalid, required } = fieldErrors;

export type Version = Definition['spec']['versions'][number];

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;
const maxWarning = 256;

export function validateDeprecation(
  { deprecated, deprecationWarning: warning }: Version,
  path: string,
): FieldError[] {
  const field = `${path}.deprecationWarning`;
  if (warning === undefined) return [];
  if (deprecated !== true) return [invalid(field, warning, 'can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (Buffer.byteLength(warning) > maxWarning)
    errors.push(invalid(field, warning, `must be <= ${maxWarning} characters long`));
  if (warning === '') errors.push(invalid(field, warning, 'must not be an empty string'));
  const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (unprintable !== null) {
    const at = Buffer.byteLength(warning.slice(0, unprintable.index));
    errors.push(
      invalid(
        field,
        warning,
        `must only contain printable UTF-8 characters; non-printable character found at index ${at}`,
      ),
    );
  }
  return errors;
}

export function validateColumns(columns: Version['additionalPrinterColumns'], path: string): FieldError[] {
  return (columns ?? []).flatMap((column, i) => {
    const at = `${path}.additionalPrinterColumns[${i}]`;
    const oneOf = (known: readonly string[]): string => `must be one of ${known.join(',')}`;
    const errors: FieldError[] = [];
    if (column.name === '') errors.push(required(`${at}.name`));
    if (column.type === '') errors.push(required(`${at}.type`, oneOf(columnTypes)));
    else if (!columnTypes.includes(column.type))
      errors.push(invalid(`${at}.type`, column.type, oneOf(columnTypes)));
    if (column.format && !columnFormats.includes(column.format))
      errors.push(invalid(`${at}.format`, column.format, oneOf(columnFormats)));
    if (column.jsonPath === '') errors.push(required(`${at}.JSONPath`));
    // Whether the rest can be read is not asked: a column that cannot has no values.
    else if (!column.jsonPath.startsWith('.'))
      errors.push(invalid(`${at}.JSONPath`, column.jsonPath, notFromRoot));
    return errors;
  });
}

const notFromRoot = 'must be a simple json path starting with .';

export function validateSubresources(given: Version['subresources'], path: string): FieldError[] {
  const scale = given?.scale;
  if (scale === undefined) return [];
  const check = (
    name: 'specReplicasPath' | 'statusReplicasPath' | 'labelSelectorPath',
    roots: readonly string[],
    where: string,
  ): FieldError[] => {
    const field = `${path}.subresources.scale.${name}`;
    const value = scale[name] ?? '';
    if (value === '') return name === 'labelSelectorPath' ? [] : [required(field)];
    if (!value.startsWith('.')) return [invalid(field, value, notFromRoot)];
    return roots.some((root) => value.startsWith(`.${root}.`))
      ? []
      : [invalid(field, value, `should be a json path under ${where}`)];
  };
  return [
    ...check('specReplicasPath', ['spec'], '.spec'),
    ...check('statusReplicasPath', ['status'], '.status'),
    ...check('labelSelectorPath', ['spec', 'status'], 'either .spec or .status'),
  ];
}

export function validateSelectableFields(
  fields: Version['selectableFields'],
  path: string,
  schema: JsonSchema | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of (fields ?? []).entries()) {
    const field = `${path}.selectableFields[${i}].jsonPath`;
    if (jsonPath === '') {
      errors.push(required(field));
      continue;
    }
    const problem = selectablePathProblem(jsonPath, schema ?? {});
    if (problem !== undefined) {
      errors.push(invalid(field, jsonPath, `is an invalid path: ${problem}`));
      continue;
    }
    const names = simplePath(jsonPath) ?? [];
    const target = names.reduce<JsonSchema | undefined>((inner, name) => inner?.properties?.[name], schema);
    if (!['string', 'boolean', 'integer'].includes(target?.type ?? ''))
      errors.push(
        invalid(
          field,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      );
    if (seen.has(jsonPath)) errors.push(duplicate(field, jsonPath));
    seen.add(jsonPath);
  }
  if (seen.size > maxSelectableFields)
    errors.push(fieldErrors.tooMany(`${path}.selectableFields`, seen.size, maxSelectableFields));
  return errors;
}

function selectablePathProblem(text: string, schema: JsonSchema): string | undefined {
  if (!/^[.[]/.test(text)) return `expected [ or . but got: ${/^\w+|^./.exec(text)?.[0] ?? ''}`;
  if (text.endsWith('.')) return 'unexpected end of JSON path';
  if (/\[\d/.test(text)) return 'array notation is not allowed';
  return pathOfField(schema, text) === undefined ? 'does not refer to a valid field' : undefined;
}
