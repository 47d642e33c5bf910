/**
 * A structural schema as the nodes that generic code walks: server-side apply and patches ask how lists and maps merge,
 * the rest asks only which fields an object has. Places without a schema are unknown: their maps merge by key, their
 * lists are replaced whole.
 */
import { messageSchema, type Schema, type SchemaKind } from '@timonier/api';
import { isIntOrString, itemsOf, type JsonSchema, valuesOf } from './json-schema.ts';

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const none: readonly never[] = [];

class CustomNode implements Schema {
  readonly kind: SchemaKind;
  readonly name: string;
  readonly number = 0;
  readonly typeMeta: boolean;
  readonly patchStrategy = none;
  readonly listType: 'atomic' | 'set' | 'map' | undefined;
  readonly listMapKeys: readonly string[];
  readonly mapType: 'atomic' | 'granular' | undefined;
  readonly structType: 'atomic' | 'granular' | undefined;
  readonly required = false;
  readonly default: unknown;
  readonly pointer = true;
  readonly omit = 'empty';
  readonly inline = false;
  readonly wire = none;
  readonly scalar: Schema['scalar'];
  readonly fields: ReadonlyMap<string, Schema>;
  readonly items: Schema | undefined;
  readonly values: Schema | undefined;

  constructor(name: string, schema: JsonSchema, isRoot: boolean) {
    this.name = name;
    this.typeMeta = isRoot;
    this.default = schema.default;
    this.listType = schema['x-kubernetes-list-type'] as 'atomic' | 'set' | 'map' | undefined;
    this.listMapKeys = schema['x-kubernetes-list-map-keys'] ?? none;
    const values = valuesOf(schema);
    const items = itemsOf(schema);
    const hasFields = isRoot || schema.properties !== undefined;
    this.kind = kindOf(schema, hasFields, values !== undefined);
    const mapType = schema['x-kubernetes-map-type'] as 'atomic' | 'granular' | undefined;
    if (this.kind === 'map') this.mapType = mapType;
    else this.structType = mapType;
    if (this.kind === 'scalar') this.scalar = 'string';
    this.items = items === undefined ? undefined : new CustomNode('', items, false);
    this.values = values === undefined ? undefined : new CustomNode('', values, false);
    const fields = new Map<string, Schema>();
    if (this.kind === 'object') {
      for (const [key, inner] of Object.entries(schema.properties ?? {}))
        fields.set(key, new CustomNode(key, inner, false));
      if (isRoot) {
        fields.set('apiVersion', new CustomNode('apiVersion', { type: 'string' }, false));
        fields.set('kind', new CustomNode('kind', { type: 'string' }, false));
        fields.set('metadata', messageSchema(objectMeta));
      }
    }
    this.fields = fields;
  }

  field(name: string): Schema | undefined {
    return this.fields.get(name);
  }
}

function kindOf(schema: JsonSchema, hasFields: boolean, hasValues: boolean): SchemaKind {
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object' || hasFields) return hasValues && !hasFields ? 'map' : 'object';
  return isIntOrString(schema) || schema.type !== undefined ? 'scalar' : 'object';
}

/** The nodes of a whole object. */
export function customSchema(schema: JsonSchema): Schema {
  return new CustomNode('', schema, true);
}
