/**
 * From a definition to the resources it makes: one `ResourceInfo` per served version, with the functions that the
 * generic code calls for kinds without a table.
 */
import { createHash } from 'node:crypto';
import {
  apiVersionOf,
  type CustomKind,
  messageSchema,
  type ResourceInfo,
  type Subresource,
} from '@timonier/api';
import { type ApiObject, decodeAs, type Decoded } from '@timonier/api/decode';
import { columnsOf } from './cells.ts';
import { customSchema } from './custom-schema.ts';
import { type Definition, isTerminating, storagePrefixOf, storageVersionOf } from './definition-types.ts';
import { compileRules, type RuleSet } from './rules.ts';
import type { Converter } from './conversion.ts';
import { simplePath } from './json-path.ts';
import { isObject, type JsonSchema } from './json-schema.ts';
import { fillDefaults, carriesDefault, prunedObject } from './prune.ts';
import { validateValue } from './validate-value.ts';

type Version = Definition['spec']['versions'][number];

const metadataSchema = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata');
const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const subresourceVerbs = ['get', 'patch', 'update'];

/** The resources of the served versions of a definition whose names were accepted. */
export function customResources(definition: Definition, converter: Converter | undefined): ResourceInfo[] {
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const { group, scope } = definition.spec;
  const storage = storageVersionOf(definition);
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version): ResourceInfo => {
      const schema = version.schema?.openAPIV3Schema ?? { 'x-kubernetes-preserve-unknown-fields': true };
      const type = { group, version: version.name, kind: names.kind };
      const columns = columnsOf(version);
      return {
        ...type,
        resource: names.plural,
        singular: names.singular ?? names.kind.toLowerCase(),
        listKind: names.listKind ?? `${names.kind}List`,
        namespaced: scope === 'Namespaced',
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        verbs,
        subresources: subresourcesOf(type, version),
        storagePrefix: storagePrefixOf(definition),
        storageVersion: undefined,
        storageVersionHash: hashOf(`${group}/${storage}/${names.kind}`),
        columns: columns.definitions,
        selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
        selectableAliases: {},
        hasStatus: version.subresources?.status !== undefined,
        hasScale: version.subresources?.scale !== undefined,
        hasGeneration: true,
        schema: customSchema(schema),
        openApiSchema: schema as Readonly<Record<string, unknown>>,
        custom: customKind(definition, version, schema, type, columns.cells, converter),
      };
    });
}

function subresourcesOf(
  type: { group: string; version: string; kind: string },
  { subresources }: Version,
): Subresource[] {
  const found: Subresource[] = [];
  if (subresources?.status !== undefined) found.push({ name: 'status', ...type, verbs: subresourceVerbs });
  if (subresources?.scale !== undefined)
    found.push({
      name: 'scale',
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: subresourceVerbs,
    });
  return found;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64');
}

function customKind(
  definition: Definition,
  version: Version,
  schema: JsonSchema,
  type: { group: string; version: string; kind: string },
  cells: CustomKind['cells'],
  converter: Converter | undefined,
): CustomKind {
  const expected = { apiVersion: apiVersionOf(type), kind: type.kind };
  const hasDefaults = carriesDefault(schema);
  let rules: RuleSet | undefined;
  const scale = version.subresources?.scale;
  return {
    decode: (value, duplicates) => decode(schema, expected, value, duplicates),
    applyDefaults: (object) => {
      if (hasDefaults || hasNull(object)) fillDefaults(schema, object);
    },
    validate: (object, old) => {
      const errors = validateValue(schema, object, old);
      // Rules are written for objects of the right shape.
      if (errors.length > 0) return errors;
      rules ??= compileRules(schema);
      return rules.check(object, old);
    },
    cells,
    scale:
      scale === undefined
        ? undefined
        : {
            specReplicas: simplePath(scale.specReplicasPath) ?? [],
            statusReplicas: simplePath(scale.statusReplicasPath) ?? [],
            labelSelector:
              scale.labelSelectorPath === undefined ? undefined : simplePath(scale.labelSelectorPath),
          },
    apiVersion: expected.apiVersion,
    storedApiVersion: apiVersionOf({ group: type.group, version: storageVersionOf(definition) }),
    complete: (object) => {
      const whole = prunedObject(schema, object, []) as ApiObject;
      if (hasDefaults || hasNull(whole)) fillDefaults(schema, whole);
      return whole;
    },
    convert: converter?.convert.bind(converter),
    deprecationWarning:
      version.deprecated === true
        ? (version.deprecationWarning ?? deprecation(definition, version))
        : undefined,
    closed: isTerminating(definition)
      ? 'create not allowed while custom resource definition is terminating'
      : undefined,
  };
}

function deprecation({ spec }: Definition, version: Version): string {
  return `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
}

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.some(hasNull);
  return isObject(value) && Object.values(value).some(hasNull);
}

/** Metadata is every kind's, the rest is the schema's. */
function decode(
  schema: JsonSchema,
  expected: { apiVersion: string; kind: string },
  value: unknown,
  duplicates: readonly string[],
): Decoded {
  const given = isObject(value) ? value : undefined;
  const head =
    given === undefined
      ? value
      : { apiVersion: given['apiVersion'], kind: given['kind'], metadata: given['metadata'] };
  const decoded = decodeAs(metadataSchema, expected, head, duplicates);
  const problems = [...decoded.problems];
  if (given === undefined) return decoded;
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata: _metadata,
    ...rest
  } = prunedObject(schema, given, problems);
  const object: ApiObject = { ...expected, metadata: decoded.object.metadata ?? {}, ...rest };
  return { object, problems: problems.slice(0, 100) };
}
