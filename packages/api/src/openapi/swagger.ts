/**
 * OpenAPI v3 schemas as Swagger 2.0 can say them: what it has no words for is left out, so that older clients can still
 * read the document. A place that may hold more than one type says nothing of its type. Pure.
 */
type Json = Readonly<Record<string, unknown>>;

/** What Swagger has no words for, or what clients of it misread. */
const unknown: ReadonlySet<string> = new Set([
  'nullable',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'x-kubernetes-validations',
]);

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What may hold anything, and a list of which nothing is said, are better not named at all. */
function isUntyped(type: unknown, schema: Json, isOpen: boolean): boolean {
  if (type === 'array') return isOpen || !isObject(schema['items']);
  return type === 'object' && schema['x-kubernetes-preserve-unknown-fields'] === true;
}

export function swaggerSchema(schema: Json): Json {
  const out: Record<string, unknown> = {};
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['nullable'] === true;
  for (const [name, value] of Object.entries(schema)) {
    if (unknown.has(name)) continue;
    // Clients refuse what is not of the type that they were told, null and unknown fields included.
    if (isOpen && (name === 'properties' || name === 'items' || name === 'additionalProperties')) continue;
    if (name === 'type' && (schema['nullable'] === true || isUntyped(value, schema, isOpen))) continue;
    if (name === 'properties' && isObject(value))
      out[name] = Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, isObject(inner) ? swaggerSchema(inner) : inner]),
      );
    else if ((name === 'items' || name === 'additionalProperties') && isObject(value))
      out[name] = swaggerSchema(value);
    else out[name] = value;
  }
  return out;
}
