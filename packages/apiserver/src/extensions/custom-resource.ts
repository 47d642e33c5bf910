/**
 * From a definition to the resources it makes: one `ResourceInfo` per served version, with the functions that the
 * generic code calls for kinds without a table.
 */
import { createHash } from 'node:crypto';
import {
  apiVersionOf,
  type CustomKind,
  type FieldError,
  type FieldErrorType,
  type ResourceInfo,
  type Schema,
  type Subresource,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { compareVersions } from '@timonier/api/registry';
import { appliedProblems } from './applied-values.ts';
import { columnsOf } from './cells.ts';
import { decodeCustom } from './custom-decode.ts';
import { customSchema } from './custom-schema.ts';
import { type Definition, isTerminating, storagePrefixOf, storageVersionOf } from './definition-types.ts';
import { validateEmbedded } from './embedded.ts';
import { validateListTypes } from './list-types.ts';
import { compileRules, noRules, type RuleSet } from './rules.ts';
import { validateScale } from './scale-paths.ts';
import type { Converter } from './conversion.ts';
import { simplePath } from './json-path.ts';
import { isObject, type JsonSchema, propertyOf } from './json-schema.ts';
import { fillDefaults, carriesDefault, prunedObject } from './prune.ts';
import { validateField, validateValue } from './validate-value.ts';

type Version = Definition['spec']['versions'][number];

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const subresourceVerbs = ['get', 'patch', 'update'];

/**
 * The resources of the served versions of a definition whose names were accepted. `isClosing` is asked for each creation:
 * a definition that is on its way out defines what it did before.
 */
export function customResources(
  definition: Definition,
  converter: Converter | undefined,
  isClosing: () => boolean = () => isTerminating(definition),
): ResourceInfo[] {
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const { group, scope } = definition.spec;
  const storage = storageVersionOf(definition);
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version): ResourceInfo => {
      const schema = schemaOf(version);
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
        custom: customKind(definition, version, schema, type, { cells: columns.cells, converter, isClosing }),
      };
    });
}

/**
 * The resource of one version as if that were the one that is stored, whether it is served or not: objects that are
 * stored in it need not be converted for anything. Undefined when there is no such version.
 */
export function resourceAsStored(definition: Definition, version: string): ResourceInfo | undefined {
  const versions = definition.spec.versions.map((one) => {
    const isWanted = one.name === version;
    return { ...one, served: isWanted, storage: isWanted };
  });
  return customResources({ ...definition, spec: { ...definition.spec, versions } }, undefined)[0];
}

function schemaOf({ schema }: Version): JsonSchema {
  return schema?.openAPIV3Schema ?? { 'x-kubernetes-preserve-unknown-fields': true };
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

interface KindParts {
  readonly cells: CustomKind['cells'];
  readonly converter: Converter | undefined;
  readonly isClosing: () => boolean;
}

function customKind(
  definition: Definition,
  version: Version,
  schema: JsonSchema,
  type: { group: string; version: string; kind: string },
  { cells, converter, isClosing }: KindParts,
): CustomKind {
  const expected = { apiVersion: apiVersionOf(type), kind: type.kind };
  const hasDefaults = carriesDefault(schema);
  const schemas = new Map(
    definition.spec.versions.map(
      (one) => [apiVersionOf({ group: type.group, version: one.name }), schemaOf(one)] as const,
    ),
  );
  const nodes = new Map<string, Schema>();
  let rules: RuleSet | undefined;
  const scale = version.subresources?.scale;
  return {
    uid: definition.metadata?.uid,
    decode: (value, duplicates) => decodeCustom(schema, type, value, duplicates),
    appliedProblems: (config) => appliedProblems(schema, config),
    applyDefaults: (object, isApplied) => {
      if (hasDefaults || hasNull(object)) fillDefaults(schema, object, isApplied);
    },
    validate: (object, old, subresource) => {
      const isStatus = subresource === 'status';
      const errors = [
        ...(isStatus ? validateStatus(schema, object, old) : validateValue(schema, object, old)),
        ...(scale === undefined ? [] : validateScale(scale, object, isStatus)),
        ...validateEmbedded(schema, object),
        ...validateLists(schema, object, old),
      ];
      rules ??= compileRules(schema);
      if (rules === noRules) return errors;
      // Rules are written for objects of the right shape.
      if (errors.some(({ type: word }) => blocking.has(word))) return [...errors, rulesNotChecked];
      return [...errors, ...rules.check(object, old)];
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
    complete: (object) => prunedObject(schema, object, []),
    completeStored: (object) => completed(schemas.get(object.apiVersion ?? '') ?? schema, object),
    convert: converter?.convert.bind(converter),
    schemaIn: (apiVersion) => {
      const inner = schemas.get(apiVersion);
      if (inner === undefined) return undefined;
      let node = nodes.get(apiVersion);
      if (node === undefined) nodes.set(apiVersion, (node = customSchema(inner)));
      return node;
    },
    deprecationWarning:
      version.deprecated === true
        ? (version.deprecationWarning ?? deprecation(definition, version))
        : undefined,
    get closed() {
      return isClosing() ? 'create not allowed while custom resource definition is terminating' : undefined;
    },
  };
}

function validateStatus(schema: JsonSchema, object: ApiObject, old: ApiObject | undefined): FieldError[] {
  const inner = propertyOf(schema, 'status');
  return inner === undefined || object['status'] === undefined
    ? []
    : validateField(inner, 'status', object['status'], old?.['status']);
}

/** What says that rules may not even make sense for an object. */
const blocking: ReadonlySet<FieldErrorType> = new Set([
  'NotSupported',
  'Required',
  'TooLong',
  'TooMany',
  'TypeInvalid',
]);

const rulesNotChecked: FieldError = {
  type: 'Invalid',
  field: '<nil>',
  badValue: null,
  detail:
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** Lists that had doubled items before may keep them. */
function validateLists(schema: JsonSchema, object: ApiObject, old: ApiObject | undefined): FieldError[] {
  const errors = validateListTypes(schema, object);
  return errors.length > 0 && old !== undefined && validateListTypes(schema, old).length > 0 ? [] : errors;
}

/** Names the version to use instead: the newest one that is served and not on its way out, if it is newer. */
function deprecation({ spec }: Definition, version: Version): string {
  const text = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  const [best] = spec.versions
    .filter(({ served, deprecated }) => served && deprecated !== true)
    .map(({ name }) => name)
    .sort(compareVersions);
  return best === undefined || compareVersions(best, version.name) > 0
    ? text
    : `${text}; use ${spec.group}/${best} ${spec.names.kind}`;
}

/** With the fields that a schema knows, and its defaults for those that are missing. */
function completed(schema: JsonSchema, object: ApiObject): ApiObject {
  const whole: ApiObject = prunedObject(schema, object, []);
  if (carriesDefault(schema) || hasNull(whole)) fillDefaults(schema, whole);
  return whole;
}

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.some(hasNull);
  return isObject(value) && Object.values(value).some(hasNull);
}
