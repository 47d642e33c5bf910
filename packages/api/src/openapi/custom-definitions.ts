/**
 * Definitions of kinds that are in no table: the schema that their author gave, with what every object has put in, in it and
 * in the objects that it embeds. What accepts unknown fields says less in Swagger, because kubectl refuses all that a
 * definition there does not name. Pure.
 */
import { swaggerSchema } from './swagger.ts';

export type OpenApiVersion = 'v2' | 'v3';

export type SchemaDocument = Record<string, unknown>;

/** What the definitions of all kinds have in common. */
export interface ObjectParts {
  readonly version: OpenApiVersion;
  readonly apiVersion: SchemaDocument;
  readonly kind: SchemaDocument;
  readonly metadata: SchemaDocument;
  readonly listMetadata: SchemaDocument;
  /** A reference to the definition of an object. */
  readonly items: SchemaDocument;
}

/** Without the kinds that it defines. */
export function customObject(schema: SchemaDocument, parts: ObjectParts): SchemaDocument {
  if (parts.version === 'v2' && isOpen(schema)) return { type: 'object' };
  const said = parts.version === 'v3' ? schema : swaggerSchema(schema);
  const { properties, ...rest } = said;
  const { apiVersion, kind, metadata } = parts;
  const own = embedded((properties ?? {}) as SchemaDocument, parts);
  const common = { apiVersion, kind, metadata };
  return { type: 'object', ...rest, properties: { ...common, ...own, ...common } };
}

export function customList(
  {
    kind,
    listKind,
    resource,
  }: { readonly kind: string; readonly listKind: string; readonly resource: string },
  parts: ObjectParts,
): SchemaDocument {
  const { apiVersion, kind: kindField, listMetadata, items } = parts;
  const conventions = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
  return {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion,
      kind: kindField,
      metadata: listMetadata,
      items: { description: `List of ${resource}. More info: ${conventions}`, type: 'array', items },
    },
  };
}

function isOpen(schema: SchemaDocument): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** Each of these schemas with what embedded objects have put in. */
function embedded(schemas: SchemaDocument, parts: ObjectParts): SchemaDocument {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, inner]) => [
      name,
      isSchema(inner) ? withEmbedded(inner, parts) : inner,
    ]),
  );
}

function withEmbedded(schema: SchemaDocument, parts: ObjectParts): SchemaDocument {
  const out = { ...schema };
  for (const name of ['items', 'additionalProperties']) {
    const inner = schema[name];
    if (isSchema(inner)) out[name] = withEmbedded(inner, parts);
  }
  if (isSchema(schema['properties'])) out['properties'] = embedded(schema['properties'], parts);
  if (schema['x-kubernetes-embedded-resource'] !== true || (parts.version === 'v2' && isOpen(schema)))
    return out;
  const { apiVersion, kind, metadata } = parts;
  const required = (schema['required'] ?? []) as readonly string[];
  return {
    ...out,
    properties: { ...(out['properties'] as SchemaDocument | undefined), apiVersion, kind, metadata },
    required: [...required, ...['kind', 'apiVersion'].filter((name) => !required.includes(name))],
  };
}

function isSchema(value: unknown): value is SchemaDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
