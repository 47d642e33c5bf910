/**
 * What is wrong with a custom resource definition, in upstream's words: its names, its versions and columns, its
 * conversion, and whether its schemas are structural.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import { checkDns1035Label, checkDns1123Subdomain } from '@timonier/api/names';
import { webhookService, webhookUrl } from '@timonier/api/validation/webhook-clients';
import { type Definition, hasCondition } from './definition-types.ts';
import { compilePath, simplePath } from './json-path.ts';
import type { JsonSchema } from './json-schema.ts';
import { validateSchema } from './validate-schema.ts';

const { duplicate, forbidden, invalid, notSupported, required } = fieldErrors;

type Version = Definition['spec']['versions'][number];

const approval = 'api-approved.kubernetes.io';
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;

/** `old` is what the definition replaces. */
export function validateDefinition(definition: Definition, old: Definition | undefined): FieldError[] {
  const { spec, metadata, status } = definition;
  const errors: FieldError[] = [];
  const wanted = `${spec.names.plural}.${spec.group}`;
  if (metadata?.name !== wanted)
    errors.push(invalid('metadata.name', metadata?.name ?? '', `must be spec.names.plural+"."+spec.group`));
  errors.push(...group(definition));
  if (spec.scope === '') errors.push(required('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  errors.push(...names(spec.names));
  if (spec.preserveUnknownFields === true)
    errors.push(
      invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  errors.push(...versions(definition, old));
  errors.push(...conversion(spec.conversion));
  for (const [i, name] of (status?.storedVersions ?? []).entries())
    if (!spec.versions.some((version) => version.name === name))
      errors.push(
        invalid(
          `status.storedVersions[${i}]`,
          name,
          `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
        ),
      );
  if (old !== undefined) errors.push(...unchanged(definition, old));
  return errors;
}

function group({ spec, metadata }: Definition): FieldError[] {
  if (spec.group === '') return [required('spec.group')];
  const problems = checkDns1123Subdomain(spec.group);
  if (problems.length > 0) return [invalid('spec.group', spec.group, problems.join(','))];
  if (!spec.group.includes('.'))
    return [invalid('spec.group', spec.group, 'should be a domain with at least one dot')];
  const isProtected = /(^|\.)(k8s|kubernetes)\.io$/.test(spec.group);
  if (!isProtected) return [];
  const annotations = metadata?.annotations ?? {};
  const hint = 'see https://github.com/kubernetes/enhancements/pull/1111';
  const field = `metadata.annotations[${approval}]`;
  const value = annotations[approval];
  if (value === undefined || value === '')
    return [required(field, `protected groups must have approval annotation "${approval}", ${hint}`)];
  if (value.startsWith('unapproved') || URL.canParse(value)) return [];
  return [
    invalid(
      field,
      value,
      `protected groups must have approval annotation "${approval}" with either a URL or a reason starting with "unapproved", ${hint}`,
    ),
  ];
}

function names(given: Definition['spec']['names']): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, value: string | undefined, lower: (value: string) => string): void => {
    const path = `spec.names.${field}`;
    if (value === undefined || value === '') {
      errors.push(required(path));
      return;
    }
    const problems = checkDns1035Label(lower(value));
    if (problems.length > 0) errors.push(invalid(path, value, problems.join(',')));
  };
  check('plural', given.plural, (value) => value);
  check('singular', given.singular, (value) => value);
  check('kind', given.kind, (value) => value.toLowerCase());
  check('listKind', given.listKind, (value) => value.toLowerCase());
  for (const [i, name] of (given.shortNames ?? []).entries()) {
    const problems = checkDns1035Label(name);
    if (problems.length > 0) errors.push(invalid(`spec.names.shortNames[${i}]`, name, problems.join(',')));
  }
  for (const [i, name] of (given.categories ?? []).entries()) {
    const problems = checkDns1035Label(name);
    if (problems.length > 0) errors.push(invalid(`spec.names.categories[${i}]`, name, problems.join(',')));
  }
  if (given.kind !== '' && given.kind === given.listKind)
    errors.push(invalid('spec.names.listKind', given.listKind, 'kind and listKind may not be the same'));
  return errors;
}

function versions(definition: Definition, old: Definition | undefined): FieldError[] {
  const { spec } = definition;
  const errors: FieldError[] = [];
  if (spec.versions.length === 0)
    errors.push(
      invalid('spec.versions', spec.versions, 'must have exactly one version marked as storage version'),
    );
  else if (spec.versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid(
        'spec.versions',
        shownVersions(spec.versions),
        'must have exactly one version marked as storage version',
      ),
    );
  if (new Set(spec.versions.map(({ name }) => name)).size !== spec.versions.length)
    errors.push(invalid('spec.versions', shownVersions(spec.versions), 'must contain unique version names'));
  for (const [i, version] of spec.versions.entries()) {
    const path = `spec.versions[${i}]`;
    const isOnly = spec.versions.length === 1;
    // Upstream keeps what is the same for all versions outside of them.
    const shared = isOnly ? 'spec' : path;
    const schemaPath = isOnly ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
    const problems = checkDns1035Label(version.name);
    if (problems.length > 0) errors.push(invalid(`${path}.name`, version.name, problems.join(',')));
    if (version.deprecationWarning !== undefined) {
      if (version.deprecated !== true)
        errors.push(
          invalid(
            `${path}.deprecationWarning`,
            version.deprecationWarning,
            'can only be set for deprecated versions',
          ),
        );
      else if (version.deprecationWarning === '')
        errors.push(invalid(`${path}.deprecationWarning`, '', 'must not be empty'));
    }
    const schema = version.schema?.openAPIV3Schema;
    const before = old?.spec.versions.find(({ name }) => name === version.name)?.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else errors.push(...validateSchema(schema, schemaPath, before));
    errors.push(
      ...columns(version, shared),
      ...subresources(version, shared),
      ...selectable(version, shared, schema),
    );
  }
  return errors;
}

function shownVersions(list: readonly Version[]): unknown {
  return list.map(({ name, served, storage }) => ({ name, served, storage }));
}

function columns({ additionalPrinterColumns = [] }: Version, path: string): FieldError[] {
  return additionalPrinterColumns.flatMap((column, i) => {
    const at = `${path}.additionalPrinterColumns[${i}]`;
    const errors: FieldError[] = [];
    if (column.name === '') errors.push(required(`${at}.name`));
    if (column.type === '') errors.push(required(`${at}.type`, `must be one of ${columnTypes.join(',')}`));
    else if (!columnTypes.includes(column.type))
      errors.push(invalid(`${at}.type`, column.type, `must be one of ${columnTypes.join(',')}`));
    if (column.format && !columnFormats.includes(column.format))
      errors.push(invalid(`${at}.format`, column.format, `must be one of ${columnFormats.join(',')}`));
    if (column.jsonPath === '') errors.push(required(`${at}.jsonPath`));
    else errors.push(...pathProblems(`${at}.jsonPath`, column.jsonPath));
    return errors;
  });
}

function pathProblems(field: string, text: string): FieldError[] {
  if (!text.startsWith('.')) return [invalid(field, text, 'must be a json path starting with .')];
  try {
    compilePath(text);
    return [];
  } catch (error) {
    return [invalid(field, text, `is an invalid path: ${error instanceof Error ? error.message : ''}`)];
  }
}

function subresources({ subresources: given }: Version, path: string): FieldError[] {
  const scale = given?.scale;
  if (scale === undefined) return [];
  const errors: FieldError[] = [];
  const check = (
    name: 'specReplicasPath' | 'statusReplicasPath' | 'labelSelectorPath',
    roots: readonly string[],
  ): void => {
    const field = `${path}.subresources.scale.${name}`;
    const value = scale[name] ?? '';
    if (value === '') {
      if (name !== 'labelSelectorPath') errors.push(required(field));
      return;
    }
    const parts = simplePath(value);
    if (parts === undefined) {
      errors.push(invalid(field, value, 'should be a simple json path'));
      return;
    }
    if (!roots.includes(parts[0] ?? ''))
      errors.push(
        invalid(field, value, `should be a json path under ${roots.map((root) => `.${root}`).join(' or ')}`),
      );
  };
  check('specReplicasPath', ['spec']);
  check('statusReplicasPath', ['status']);
  check('labelSelectorPath', ['spec', 'status']);
  return errors;
}

function selectable(
  { selectableFields = [] }: Version,
  path: string,
  schema: JsonSchema | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  if (selectableFields.length > maxSelectableFields)
    errors.push(
      fieldErrors.tooMany(`${path}.selectableFields`, selectableFields.length, maxSelectableFields),
    );
  for (const [i, { jsonPath }] of selectableFields.entries()) {
    const field = `${path}.selectableFields[${i}].jsonPath`;
    const parts = simplePath(jsonPath);
    if (jsonPath === '') errors.push(required(field));
    else if (parts === undefined)
      errors.push(invalid(field, jsonPath, 'is an invalid path: only simple paths of names are supported'));
    else if (parts[0] === 'metadata')
      errors.push(invalid(field, jsonPath, 'must not point to fields in metadata'));
    else {
      const target = parts.reduce<JsonSchema | undefined>((inner, name) => inner?.properties?.[name], schema);
      if (target === undefined)
        errors.push(invalid(field, jsonPath, 'is an invalid path: does not refer to a valid field'));
      else if (!['string', 'boolean', 'integer'].includes(target.type ?? ''))
        errors.push(
          invalid(
            field,
            jsonPath,
            'is an invalid path: must point to a field of type string, boolean or integer',
          ),
        );
    }
    if (seen.has(jsonPath)) errors.push(duplicate(field, jsonPath));
    seen.add(jsonPath);
  }
  return errors;
}

function conversion(given: Definition['spec']['conversion']): FieldError[] {
  const at = 'spec.conversion';
  const strategy = given === undefined ? 'None' : given.strategy;
  if (!strategy) return [required(`${at}.strategy`)];
  const webhook = given?.webhook;
  if (strategy !== 'None' && strategy !== 'Webhook')
    return [notSupported(`${at}.strategy`, strategy, ['None', 'Webhook'])];
  if (strategy === 'None')
    return webhook === undefined
      ? []
      : [forbidden(`${at}.webhook`, 'should not be set when strategy is not set to Webhook')];
  if (webhook === undefined) return [required(`${at}.webhook`, 'required when strategy is set to Webhook')];
  const errors: FieldError[] = [];
  const config = webhook.clientConfig;
  const clientPath = `${at}.webhook.clientConfig`;
  if (config === undefined) errors.push(required(clientPath));
  else if ((config.url === undefined) === (config.service === undefined))
    errors.push(required(clientPath, 'exactly one of url or service is required'));
  else if (config.url !== undefined) errors.push(...webhookUrl(`${clientPath}.url`, config.url));
  else if (config.service !== undefined)
    errors.push(...webhookService(`${clientPath}.service`, { port: 443, ...config.service }));
  const reviews = webhook.conversionReviewVersions ?? [];
  const reviewPath = `${at}.webhook.conversionReviewVersions`;
  if (reviews.length === 0) errors.push(required(reviewPath));
  else if (!reviews.some((version) => version === 'v1'))
    errors.push(invalid(reviewPath, reviews, 'must include at least one of v1, v1beta1'));
  for (const [i, version] of reviews.entries()) {
    const problems = checkDns1035Label(version);
    if (problems.length > 0) errors.push(invalid(`${reviewPath}[${i}]`, version, problems.join(',')));
  }
  return errors;
}

/** What an established definition may not change. */
function unchanged(definition: Definition, old: Definition): FieldError[] {
  const errors: FieldError[] = [];
  const keep = (field: string, now: unknown, before: unknown): void => {
    if (now !== before) errors.push(invalid(field, now, 'field is immutable'));
  };
  keep('spec.group', definition.spec.group, old.spec.group);
  keep('spec.names.plural', definition.spec.names.plural, old.spec.names.plural);
  if (!hasCondition(old, 'Established')) return errors;
  keep('spec.scope', definition.spec.scope, old.spec.scope);
  keep('spec.names.kind', definition.spec.names.kind, old.spec.names.kind);
  return errors;
}
