/** Random values that fit a schema, for tests that must hold for every kind. */
import fc from 'fast-check';
import type { Schema } from '../schema.ts';

const text = fc.string({ maxLength: 8 });
const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: text,
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
  bytes: fc.uint8Array({ maxLength: 8 }).map((b) => Buffer.from(b).toString('base64')),
  time: fc
    .integer({ min: -62_000_000_000, max: 250_000_000_000 })
    .map((s) => new Date(s * 1000).toISOString()),
  microTime: fc
    .integer({ min: 0, max: 4_000_000_000 })
    .map((s) => `${new Date(s * 1000).toISOString().slice(0, -5)}.123456Z`),
  duration: fc.integer({ min: 0, max: 1e9 }).map((n) => `${n}ms`),
  quantity: fc.constantFrom('1', '500m', '1Gi', '0.5', '1e3', '1536Mi', '12345n'),
  intOrString: fc.oneof(fc.integer(), text),
  groupVersion: fc.constantFrom('v1', 'apps/v1'),
};

/** A random value for a place of the schema; nesting ends after a few levels. */
export function arbitraryValue(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'scalar':
      return scalars[schema.scalar ?? ''] ?? fc.constant('');
    case 'list':
      return fc.array(arbitraryValue(schema.items as Schema, depth + 1), { maxLength: depth > 5 ? 0 : 2 });
    case 'map':
      return fc.dictionary(
        fc.oneof(text, fc.constant('__proto__')),
        arbitraryValue(schema.values as Schema, depth + 1),
        { maxKeys: depth > 5 ? 0 : 2 },
      );
    case 'raw':
      if (schema.form === 'schemaOrBool') return fc.boolean();
      if (schema.form === 'schemaOrStrings') return fc.array(text, { minLength: 1, maxLength: 2 });
      if (schema.form === 'schemaOrArray') return fc.constant([]);
      return fc.dictionary(text, fc.oneof(text, fc.integer()), { maxKeys: 2 });
    default: {
      if (depth > 6) return fc.constant({});
      const fields: Record<string, fc.Arbitrary<unknown>> = {};
      for (const [name, field] of schema.fields) {
        if (name === 'kind' || name === 'apiVersion') {
          if (schema.typeMeta) continue;
        }
        fields[name] = fc.option(arbitraryValue(field, depth + 1), {
          nil: undefined,
          freq: Math.max(1, 6 - depth),
        });
      }
      return fc.record(fields, { noNullPrototype: true });
    }
  }
}
