/**
 * What is wrong with a custom resource definition, in upstream's words and order. Upstream keeps what is the same for
 * all versions outside of them, and says so in the paths of its errors.
 */
import { wasSentEmpty } from '@timonier/api/decode/absence';
import { type FieldError, fieldErrors } from '@timonier/api';
import { sameTree } from '../storage/copy.ts';
import { validateConversion } from './definition-conversion.ts';
import {
  labelProblem,
  validateApproval,
  validateGroup,
  validateNames,
  validateOwnName,
} from './definition-names.ts';
import { type Definition, hasCondition } from './definition-types.ts';
import {
  validateColumns,
  validateDeprecation,
  validateSelectableFields,
  validateSubresources,
  type Version,
} from './definition-versions.ts';
import type { JsonSchema } from './json-schema.ts';
import { carriesDefault } from './prune.ts';
import { validateSchema } from './validate-schema.ts';

const { invalid, notSupported, required } = fieldErrors;

/** `old` is what the definition replaces. */
export function validateDefinition(definition: Definition, old: Definition | undefined): FieldError[] {
  const { spec } = definition;
  return [
    ...(old === undefined ? validateOwnName(definition) : []),
    ...validateGroup(spec.group),
    ...scope(spec.scope),
    ...keptWithDefaults(definition),
    ...versions(definition, old),
    ...(['plural', 'singular', 'kind', 'listKind'] as const)
      .filter((name) => !spec.names[name])
      .map((name) => required(`spec.names.${name}`)),
    ...validateNames(spec.names, 'spec.names'),
    ...shared(definition, old),
    ...validateConversion(spec.conversion, old),
    ...(old === undefined ? [] : unchanged(definition, old)),
    ...validateDefinitionStatus(definition),
    ...storedVersions(definition),
    ...validateApproval(definition, old),
    ...(spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true
      ? [
          invalid(
            'spec.preserveUnknownFields',
            true,
            'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
          ),
        ]
      : []),
  ];
}

/** What must hold for a change of the status alone. */
export function validateDefinitionStatus({ status }: Definition): FieldError[] {
  return validateNames(status?.acceptedNames ?? {}, 'status.acceptedNames');
}

function scope(given: string): FieldError[] {
  if (given === '') return [required('spec.scope')];
  const known = ['Cluster', 'Namespaced'];
  return known.includes(given) ? [] : [notSupported('spec.scope', given, known)];
}

/** What keeps everything cannot tell what is left open. */
function keptWithDefaults({ spec }: Definition): FieldError[] {
  const hasDefaults = spec.versions.some((version) => carriesDefault(schemaOf(version) ?? {}));
  return spec.preserveUnknownFields === true && hasDefaults
    ? [invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')]
    : [];
}

const parts = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;
type Part = (typeof parts)[number];

/** Whether all versions have the same of it: then upstream keeps it in one place. */
function isShared({ spec }: Definition, part: Part): boolean {
  const [first, ...others] = spec.versions;
  return first?.[part] !== undefined && others.every((other) => sameTree(other[part], first[part]));
}

function schemaOf(version: Version | undefined): JsonSchema | undefined {
  return version?.schema?.openAPIV3Schema;
}

function versions(definition: Definition, old: Definition | undefined): FieldError[] {
  const { spec } = definition;
  const errors: FieldError[] = [];
  for (const [i, version] of spec.versions.entries())
    if (schemaOf(version) === undefined) errors.push(required(`spec.versions[${i}].schema.openAPIV3Schema`));
  for (const [i, version] of spec.versions.entries()) {
    const path = `spec.versions[${i}]`;
    const problem = labelProblem(version.name);
    if (problem !== '') errors.push(invalid(`${path}.name`, version.name, problem));
    errors.push(...validateDeprecation(version, path), ...ownParts(definition, version, path, old));
  }
  if (new Set(spec.versions.map(({ name }) => name)).size !== spec.versions.length)
    errors.push(invalid('spec.versions', shownVersions(definition), 'must contain unique version names'));
  if (spec.versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalid(
        'spec.versions',
        shownVersions(definition),
        'must have exactly one version marked as storage version',
      ),
    );
  const [first] = spec.versions;
  const problem = first?.name ? labelProblem(first.name) : '';
  if (problem !== '') errors.push(invalid('spec.version', first?.name, problem));
  return errors;
}

/** What a version has that the others have not in the same way. */
function ownParts(
  definition: Definition,
  version: Version,
  path: string,
  old: Definition | undefined,
): FieldError[] {
  const own = (part: Part): boolean => !isShared(definition, part);
  const schema = schemaOf(version);
  return [
    ...(own('schema') ? schemaProblems(version, `${path}.schema.openAPIV3Schema`, old) : []),
    ...(own('subresources') ? validateSubresources(version.subresources, path) : []),
    ...(own('additionalPrinterColumns') ? validateColumns(version.additionalPrinterColumns, path) : []),
    ...(own('selectableFields') ? validateSelectableFields(version.selectableFields, path, schema) : []),
  ];
}

/** What all versions have in the same way. */
function shared(definition: Definition, old: Definition | undefined): FieldError[] {
  const [first] = definition.spec.versions;
  if (first === undefined) return [];
  const has = (part: Part): boolean => isShared(definition, part);
  const schema = schemaOf(first);
  return [
    ...(has('schema') ? schemaProblems(first, 'spec.validation.openAPIV3Schema', old) : []),
    ...(has('subresources') ? validateSubresources(first.subresources, 'spec') : []),
    ...(has('additionalPrinterColumns') ? validateColumns(first.additionalPrinterColumns, 'spec') : []),
    ...(has('selectableFields') ? validateSelectableFields(first.selectableFields, 'spec', schema) : []),
  ];
}

/** What was taken once stays: who changes something else is not told of a schema, and the rules in it need not be read. */
function schemaProblems(version: Version, path: string, old: Definition | undefined): FieldError[] {
  const schema = schemaOf(version);
  const before = schemaBefore(old, version.name);
  return schema === undefined || (before !== undefined && sameTree(schema, before))
    ? []
    : validateSchema(schema, path, before);
}

function schemaBefore(old: Definition | undefined, name: string): JsonSchema | undefined {
  return schemaOf(old?.spec.versions.find((version) => version.name === name));
}

/** The versions as errors show them: with all their fields, under the names that upstream has for them inside. */
function shownVersions(definition: Definition): unknown {
  const part = (version: Version, name: Part): unknown =>
    isShared(definition, name) ? null : (version[name] ?? null);
  const { versions: given } = definition.spec;
  if (given.length === 0) return wasSentEmpty(definition.spec, 'versions') ? given : null;
  return given.map((version) => ({
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: part(version, 'schema'),
    Subresources: part(version, 'subresources'),
    AdditionalPrinterColumns: part(version, 'additionalPrinterColumns'),
    SelectableFields: part(version, 'selectableFields'),
  }));
}

function storedVersions({ spec, status }: Definition): FieldError[] {
  const field = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [invalid(field, null, 'must have at least one stored version')];
  const left = new Set(stored);
  const errors: FieldError[] = [];
  for (const { name, storage } of spec.versions) {
    // Of two with one name the second finds it taken.
    if (!left.delete(name) && storage)
      errors.push(invalid(field, stored, `must have the storage version ${name}`));
  }
  for (const name of left)
    errors.push(
      invalid(
        `${field}[${stored.lastIndexOf(name)}]`,
        name,
        `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
      ),
    );
  return errors;
}

/** What a definition may not change; some of it only once it is established. */
function unchanged(definition: Definition, old: Definition): FieldError[] {
  const keep = (field: string, now: unknown, before: unknown): FieldError[] =>
    now === before ? [] : [invalid(field, now, 'field is immutable')];
  const { spec } = definition;
  return [
    ...(hasCondition(old, 'Established')
      ? [
          ...keep('spec.scope', spec.scope, old.spec.scope),
          ...keep('spec.names.kind', spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...keep('spec.group', spec.group, old.spec.group),
    ...keep('spec.names.plural', spec.names.plural, old.spec.names.plural),
  ];
}
