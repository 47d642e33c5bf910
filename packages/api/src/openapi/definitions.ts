/**
 * Messages of the table as OpenAPI schemas. The two versions differ in how a reference is written and in whether
 * defaults are named. Texts for people come from an `OpenApiTexts`, where one is given.
 */
import { messageSchema, type Schema } from '../schema.ts';
import {
  customList,
  customObject,
  type ObjectParts,
  type OpenApiVersion,
  type SchemaDocument,
} from './custom-definitions.ts';

export type { OpenApiVersion, SchemaDocument } from './custom-definitions.ts';

/** Descriptions of messages and fields, by public message name. */
export interface OpenApiTexts {
  describe(message: string, field?: string): string | undefined;
}

export interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const REF_PREFIX: Readonly<Record<OpenApiVersion, string>> = {
  v2: '#/definitions/',
  v3: '#/components/schemas/',
};

/** Forms that JSON shows as a plain value, by the name their message is published under. */
const PLAIN: Readonly<Record<string, SchemaDocument>> = {
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  duration: { type: 'string' },
  groupVersion: { type: 'string' },
};
const SCALARS: Readonly<Record<string, SchemaDocument>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
};

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** Of the two fields that say what an object is, where its own text is silent. */
const TYPE_TEXTS: Readonly<Record<string, string>> = {
  apiVersion:
    'Group and version of the schema that this object follows. Servers convert known ones and refuse others.',
  kind: 'What this object is, in CamelCase. It cannot be changed.',
};

/** Messages of which one member is set, by the field that says which, where there is one. */
const UNIONS: Readonly<Record<string, readonly [discriminator: string, ...members: string[]]>> = {
  'core.v1.AppArmorProfile': ['type', 'localhostProfile'],
  'core.v1.PodSchedulingGroup': ['', 'podGroupName'],
  'core.v1.SeccompProfile': ['type', 'localhostProfile'],
  'flowcontrol.v1.LimitResponse': ['type', 'queuing'],
  'flowcontrol.v1.PriorityLevelConfigurationSpec': ['type', 'exempt', 'limited'],
  'flowcontrol.v1.Subject': ['kind', 'group', 'serviceAccount', 'user'],
};

function unionOf([discriminator, ...members]: readonly string[]): SchemaDocument {
  const named = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
  return {
    ...(discriminator === '' ? {} : { discriminator }),
    'fields-to-discriminateBy': Object.fromEntries(members.map((name) => [name, named(name)])),
  };
}

/** How the definition of a kind that is in no table is called: the group backwards, version and kind. */
export function customDefinition({ group, version, kind }: KindName): string {
  return [...group.split('.').reverse(), version, kind].join('.');
}

/** What a field has that nobody sets, where that says something: not of pointers, nor of what is then left out. */
function fieldDefault(field: Schema): unknown {
  if (field.pointer) return undefined;
  if (field.kind === 'scalar' && field.omit !== 'never') return undefined;
  return zeroOf(field);
}

function zeroOf({ kind, scalar }: Schema): unknown {
  if (kind === 'object') return {};
  if (kind !== 'scalar') return undefined;
  switch (scalar) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
      return 0;
    default:
      return undefined;
  }
}

/** Collects the definitions that a set of messages needs. */
export class Definitions {
  readonly #version: OpenApiVersion;
  readonly #kindsOf: (message: string) => readonly KindName[];
  readonly #texts: OpenApiTexts | undefined;
  readonly #out = new Map<string, SchemaDocument>();

  constructor(
    version: OpenApiVersion,
    kindsOf: (message: string) => readonly KindName[],
    texts?: OpenApiTexts,
  ) {
    this.#version = version;
    this.#kindsOf = kindsOf;
    this.#texts = texts;
  }

  readonly #custom = new Set<string>();

  /** A reference to a message, whose definition is collected with all it refers to. */
  reference(message: string): SchemaDocument {
    if (!this.#out.has(message) && !this.#custom.has(message)) {
      this.#out.set(message, {}); // ends the recursion of schemas that contain themselves
      this.#out.set(message, this.#define(messageSchema(message), message));
    }
    return { $ref: `${REF_PREFIX[this.#version]}${message}` };
  }

  /** A definition that is in no table, as it is given. */
  add(message: string, schema: SchemaDocument): void {
    this.#out.set(message, schema);
  }

  /** The definitions of a kind that is in no table, and of its list: what every object has is put in, the rest is as given. */
  addCustom(
    type: KindName & { readonly listKind: string; readonly resource: string },
    schema: SchemaDocument,
  ): void {
    const { group, version, kind, listKind } = type;
    const names = [customDefinition(type), customDefinition({ ...type, kind: listKind })] as const;
    for (const name of names) this.#custom.add(name);
    const parts: ObjectParts = {
      version: this.#version,
      apiVersion: this.#typeField('apiVersion'),
      kind: this.#typeField('kind'),
      metadata: this.#metaField('ObjectMeta'),
      listMetadata: this.#metaField('ListMeta'),
      items: { $ref: `${REF_PREFIX[this.#version]}${names[0]}` },
    };
    const named = (name: string): SchemaDocument => ({
      'x-kubernetes-group-version-kind': [{ group, version, kind: name }],
    });
    this.#out.set(names[0], { ...customObject(schema, parts), ...named(kind) });
    this.#out.set(names[1], { ...customList(type, parts), ...named(listKind) });
  }

  #typeField(name: 'apiVersion' | 'kind'): SchemaDocument {
    const text = this.#typeText(name);
    return { ...(text === undefined ? {} : { description: text }), type: 'string' };
  }

  /** Of a field that says what an object is, of whatever kind. */
  #typeText(name: string): string | undefined {
    return this.#texts && (this.#texts.describe(`${META}Status`, name) ?? TYPE_TEXTS[name]);
  }

  #metaField(message: 'ObjectMeta' | 'ListMeta'): SchemaDocument {
    const holder = message === 'ObjectMeta' ? 'io.k8s.api.core.v1.ConfigMap' : `${META}Status`;
    const text = this.#texts?.describe(holder, 'metadata');
    const reference = this.reference(`${META}${message}`);
    return {
      ...(text === undefined ? {} : { description: text }),
      ...(this.#version === 'v3' ? { allOf: [reference] } : reference),
    };
  }

  /** Everything collected, sorted by name. */
  all(): Record<string, SchemaDocument> {
    return Object.fromEntries([...this.#out].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #define(schema: Schema, message: string): SchemaDocument {
    const described = this.#texts?.describe(message);
    const text: SchemaDocument = described === undefined ? {} : { description: described };
    if (schema.kind === 'scalar') return { ...text, ...this.#plain(schema) };
    if (schema.kind === 'raw') {
      return schema.form === undefined && !message.endsWith('.JSON') ? { ...text, type: 'object' } : text;
    }
    if (schema.kind === 'list') return { ...text, ...this.#shapeOfTexts() };
    const properties: Record<string, SchemaDocument> = {};
    const needed: string[] = [];
    for (const [name, field] of schema.fields) {
      const fieldText =
        this.#texts &&
        (this.#texts.describe(message, name) ?? (schema.typeMeta ? this.#typeText(name) : undefined));
      properties[name] = {
        ...(fieldText === undefined ? {} : { description: fieldText }),
        ...this.#field(field, this.#texts === undefined || fieldText !== undefined),
      };
      if (field.required) needed.push(name);
    }
    const kinds = this.#kindsOf(message);
    const union = UNIONS[message.slice(message.indexOf('.api.') + 5)];
    return {
      ...text,
      type: 'object',
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(needed.length === 0 ? {} : { required: needed }),
      ...(schema.structType === undefined ? {} : { 'x-kubernetes-map-type': schema.structType }),
      ...(union === undefined ? {} : { 'x-kubernetes-unions': [unionOf(union)] }),
      ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }),
    };
  }

  #plain(schema: Schema): SchemaDocument {
    if (schema.scalar === 'quantity') {
      return this.#version === 'v3'
        ? { oneOf: [{ type: 'string' }, { type: 'number' }] }
        : { type: 'string' };
    }
    if (schema.scalar === 'intOrString') {
      return this.#version === 'v3'
        ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
        : { type: 'string', format: 'int-or-string' };
    }
    return PLAIN[schema.scalar ?? ''] ?? SCALARS[schema.scalar ?? ''] ?? {};
  }

  #field(field: Schema, isDescribed: boolean): SchemaDocument {
    const out: SchemaDocument = { ...this.#shape(field) };
    const isReference = '$ref' in out;
    if (this.#version === 'v3') {
      const fallback = field.default ?? fieldDefault(field);
      if (fallback !== undefined) out['default'] = fallback;
    }
    if (field.enum !== undefined && field.kind === 'scalar' && !isReference)
      out['enum'] = [...field.enum].sort();
    if (field.listType !== undefined) out['x-kubernetes-list-type'] = field.listType;
    if (field.listMapKeys.length > 0) out['x-kubernetes-list-map-keys'] = field.listMapKeys;
    if (field.mapType !== undefined) out['x-kubernetes-map-type'] = field.mapType;
    // Said where a place is changed in another way than other places of the same message.
    if (field.kind === 'object' && field.structType !== messageSchema(field.message ?? '').structType)
      out['x-kubernetes-map-type'] = field.structType;
    if (field.patchMergeKey !== undefined) out['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
    if (field.patchStrategy.length > 0) out['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',');
    if (!isReference || this.#version === 'v2') return out;
    // In version 3 nothing may stand beside a reference.
    const { $ref, ...rest } = out;
    if (!isDescribed && Object.keys(rest).length === 0) return out;
    return { ...rest, allOf: [{ $ref }] };
  }

  #shape(schema: Schema): SchemaDocument {
    if (schema.form === 'stringList') return this.#shapeOfTexts();
    if (schema.kind === 'list') {
      return { type: 'array', items: this.#item(schema.items as Schema) };
    }
    if (schema.kind === 'map') {
      return { type: 'object', additionalProperties: this.#item(schema.values as Schema) };
    }
    return this.#element(schema);
  }

  /** An element of a list, or a value of a map. */
  #item(schema: Schema): SchemaDocument {
    if (schema.form === 'stringList') return this.#shapeOfTexts();
    const element = this.#element(schema);
    if (this.#version === 'v2') return element;
    const fallback = zeroOf(schema);
    const { $ref, ...rest } = element;
    if ($ref !== undefined && fallback === undefined) return element;
    return {
      ...rest,
      ...($ref === undefined ? {} : { allOf: [{ $ref }] }),
      ...(fallback === undefined ? {} : { default: fallback }),
    };
  }

  #shapeOfTexts(): SchemaDocument {
    return {
      type: 'array',
      items: this.#version === 'v3' ? { type: 'string', default: '' } : { type: 'string' },
    };
  }

  #element(schema: Schema): SchemaDocument {
    if (schema.message !== undefined) return this.reference(schema.message);
    const base = SCALARS[schema.scalar ?? ''] ?? {};
    return schema.enum === undefined ? base : { ...base, enum: [...schema.enum].sort() };
  }
}
