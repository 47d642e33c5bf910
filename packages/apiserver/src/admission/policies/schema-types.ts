/** What kinds look like to expressions: the tables of built-in kinds and the schemas of custom ones, as types of CEL. */
import { type ResourceInfo, registry } from '@timonier/api';
import type { Schema } from '@timonier/api/schema';
import { type FieldType, type ObjectType, type Type, types } from '@timonier/cel';
import { escapeName, typeOfSchema } from '../../extensions/rule-types.ts';

const scalars: Readonly<Record<NonNullable<Schema['scalar']>, Type>> = {
  string: types.string,
  bool: types.bool,
  int32: types.int,
  int64: types.int,
  double: types.double,
  bytes: types.bytes,
  time: types.timestamp,
  microTime: types.timestamp,
  duration: types.string,
  quantity: types.dyn,
  intOrString: types.dyn,
  groupVersion: types.string,
};
const known = new WeakMap<ResourceInfo, Type>();

/** The type of a kind's objects; `dyn` for a custom kind whose schema says nothing. */
export function typeOfKind(info: ResourceInfo): Type {
  let type = known.get(info);
  if (type === undefined) {
    type = info.openApiSchema === undefined ? typeOf(info.schema, []) : customType(info);
    known.set(info, type);
  }
  return type;
}

function typeOf(schema: Schema, around: readonly string[]): Type {
  switch (schema.kind) {
    case 'list':
      return types.list(schema.items === undefined ? types.dyn : typeOf(schema.items, around));
    case 'map':
      return types.map(types.string, schema.values === undefined ? types.dyn : typeOf(schema.values, around));
    case 'scalar':
      return schema.scalar === undefined ? types.dyn : scalars[schema.scalar];
    case 'object':
      return objectType(schema, around);
    default:
      return types.dyn;
  }
}

function objectType(schema: Schema, around: readonly string[]): Type {
  const name = schema.message ?? '';
  // A message within itself, such as the schema of a custom kind, may be anything.
  if (schema.form !== undefined || around.includes(name)) return types.dyn;
  const fields = new Map<string, FieldType>();
  for (const [jsonName, field] of schema.fields) {
    const escaped = escapeName(jsonName);
    if (escaped !== undefined) fields.set(escaped, { type: typeOf(field, [...around, name]), jsonName });
  }
  return { kind: 'object', name, fields };
}

function customType(info: ResourceInfo): Type {
  const own = typeOfSchema(info.openApiSchema ?? {}, info.kind, true);
  if (own?.kind !== 'object') return types.dyn;
  const fields = new Map(own.fields).set('metadata', { type: metadataType(), jsonName: 'metadata' });
  return { ...own, fields, isOpen: info.openApiSchema?.['x-kubernetes-preserve-unknown-fields'] === true };
}

function metadataType(): Type {
  const schema = registry.lookup('', 'v1', 'configmaps')?.schema.field('metadata');
  return schema === undefined ? types.dyn : typeOf(schema, []);
}

function record(name: string, fields: Readonly<Record<string, Type>>): ObjectType {
  return {
    kind: 'object',
    name,
    fields: new Map(Object.entries(fields).map(([jsonName, type]) => [jsonName, { type, jsonName }])),
  };
}

const texts = (...names: string[]): Readonly<Record<string, Type>> =>
  Object.fromEntries(names.map((name) => [name, types.string]));
const kindType = record('kubernetes.GroupVersionKind', texts('group', 'version', 'kind'));
const resourceType = record('kubernetes.GroupVersionResource', texts('group', 'version', 'resource'));

/** The variable `request`. */
export const requestType: Type = record('kubernetes.AdmissionRequest', {
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  kind: kindType,
  resource: resourceType,
  requestKind: kindType,
  requestResource: resourceType,
  userInfo: record('kubernetes.UserInfo', {
    ...texts('username', 'uid'),
    groups: types.list(types.string),
    extra: types.map(types.string, types.list(types.string)),
  }),
  dryRun: types.bool,
  options: types.dyn,
});

/** The variable `namespaceObject`. */
export function namespaceType(): Type {
  const info = registry.lookup('', 'v1', 'namespaces');
  return info === undefined ? types.dyn : typeOfKind(info);
}
