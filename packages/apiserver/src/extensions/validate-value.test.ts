/** Values on tables: what is said of those that a schema does not allow. The texts are those that Kubernetes was seen to say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFieldError } from '@timonier/api';
import { hasFormat } from './formats.ts';
import type { JsonSchema } from './json-schema.ts';
import { validateListTypes } from './list-types.ts';
import { validateField, validateValue } from './validate-value.ts';

const spec = (properties: Record<string, JsonSchema>): JsonSchema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties } },
});
const texts = (schema: JsonSchema, value: object, old?: object): string[] =>
  validateValue(schema, value, old).map(formatFieldError);

describe('a value', () => {
  const cases: readonly (readonly [JsonSchema, unknown, ...string[]])[] = [
    [
      { type: 'string' },
      1,
      'spec.v: Invalid value: "integer": spec.v in body must be of type string: "integer"',
    ],
    [
      { type: 'integer' },
      1.5,
      'spec.v: Invalid value: "number": spec.v in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.v',
    ],
    [{ type: 'number' }, 1],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      'spec.v: Invalid value: "boolean": spec.v in body must be of type integer,string: "boolean"',
    ],
    [{ 'x-kubernetes-int-or-string': true }, '50%'],
    [{ type: 'string', enum: ['a', 'b'] }, 'c', 'spec.v: Unsupported value: "c": supported values: "a", "b"'],
    [
      { type: 'string', minLength: 3 },
      'ab',
      'spec.v: Invalid value: "ab": spec.v in body should be at least 3 chars long',
    ],
    [{ type: 'string', maxLength: 1 }, 'ab', 'spec.v: Too long: may not be more than 1 byte'],
    [
      { type: 'string', pattern: '^a+$' },
      'b',
      'spec.v: Invalid value: "b": spec.v in body should match \'^a+$\'',
    ],
    [
      { type: 'string', format: 'ipv4' },
      'x',
      'spec.v: Invalid value: "x": spec.v in body must be of type ipv4: "x"',
    ],
    [{ type: 'string', format: 'date-time' }, '2026-11-22T00:00:00Z'],
    [{ type: 'string', format: 'of-our-own' }, 'x'],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      1,
      'spec.v: Invalid value: 1: spec.v in body should be greater than 1',
    ],
    [
      { type: 'integer', multipleOf: 5 },
      7,
      'spec.v: Invalid value: 7: spec.v in body should be a multiple of 5',
    ],
    [
      { type: 'array', maxItems: 1, items: { type: 'integer' } },
      [1, 2],
      'spec.v: Too many: 2: must have at most 1 item',
    ],
    [
      { type: 'object', required: ['x'], properties: { x: { type: 'string' } } },
      {},
      'spec.v.x: Required value',
    ],
    [
      { type: 'object', minProperties: 1, additionalProperties: { type: 'string' } },
      {},
      'spec.v: Invalid value: 0: spec.v in body should have at least 1 properties',
    ],
    [
      { type: 'integer', oneOf: [{ minimum: 5 }, { maximum: 9 }] },
      7,
      '<nil>: Invalid value: "": "spec.v" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      { type: 'integer', not: { minimum: 5 } },
      7,
      '<nil>: Invalid value: "": "spec.v" must not validate the schema (not)',
    ],
    [{ type: 'string', nullable: true }, null],
    [
      { type: 'integer', format: 'int32' },
      {},
      'spec.v: Invalid value: "": spec.v in body must be of type int32: ""',
    ],
    [
      { type: 'integer', format: 'int32' },
      0.5,
      'spec.v: Invalid value: "float64": spec.v in body must be of type int32: "float64"',
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.v',
    ],
    [
      { type: 'integer', format: 'int32' },
      2 ** 31,
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.v',
    ],
    [
      { type: 'integer', enum: [1] },
      'x',
      'spec.v: Invalid value: "string": spec.v in body must be of type integer: "string"',
      'spec.v: Unsupported value: "x": supported values: "1"',
    ],
    [
      { type: 'number', multipleOf: 0.5 },
      1,
      'spec.v: Invalid value: 0: factor MultipleOf declared for spec.v must be positive: 0',
    ],
    [{ type: 'number', multipleOf: 0.5 }, 1.5],
    [
      { type: 'string', allOf: [{ minLength: 2 }, { pattern: '^x' }] },
      'ab',
      'spec.v: Invalid value: "ab": spec.v in body should match \'^x\'',
      '<nil>: Invalid value: "": "spec.v" must validate all the schemas (allOf)',
    ],
    [
      { type: 'string', allOf: [{ minLength: 2 }, { pattern: '^x' }] },
      '',
      'spec.v: Invalid value: "": spec.v in body should be at least 2 chars long',
      'spec.v: Invalid value: "": spec.v in body should match \'^x\'',
      '<nil>: Invalid value: "": "spec.v" must validate all the schemas (allOf). None validated',
    ],
    [
      { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      true,
      'spec.v: Invalid value: "boolean": spec.v in body must be of type integer,string: "boolean"',
      '<nil>: Invalid value: "": "spec.v" must validate at least one schema (anyOf)',
      'spec.v: Invalid value: "boolean": spec.v in body must be of type integer: "boolean"',
    ],
    [
      { type: 'object', 'x-kubernetes-embedded-resource': true },
      { kind: 'Pod' },
      'spec.v.apiVersion: Required value',
    ],
  ];
  for (const [schema, value, ...wanted] of cases)
    it(`${JSON.stringify(value)} for ${JSON.stringify(schema)}`, () =>
      assert.deepEqual(texts(spec({ v: schema }), { spec: { v: value } }), wanted));

  it('that an update leaves as it was is not judged again', () => {
    const schema = spec({ a: { type: 'integer', maximum: 3 }, b: { type: 'integer', maximum: 3 } });
    assert.deepEqual(texts(schema, { spec: { a: 9, b: 1 } }, { spec: { a: 9, b: 2 } }), []);
    assert.equal(texts(schema, { spec: { a: 8, b: 1 } }, { spec: { a: 9, b: 2 } }).length, 1);
  });

  it('of the status is told without the status in front, and what is missing with it', () => {
    const schema: JsonSchema = {
      type: 'object',
      required: ['b'],
      properties: { a: { type: 'integer' }, b: { type: 'string' } },
    };
    assert.deepEqual(validateField(schema, 'status', { a: 'x' }, undefined).map(formatFieldError), [
      'status.a: Invalid value: "string": a in body must be of type integer: "string"',
      'status.b: Required value',
    ]);
    assert.deepEqual(validateField(schema, 'status', 'x', undefined).map(formatFieldError), [
      'status: Invalid value: "string":  in body must be of type object: "string"',
    ]);
  });
});

describe('an update', () => {
  const a = { type: 'string' };
  const judged = (rules: JsonSchema, before: object, after: object): string[] =>
    texts(
      { type: 'object', properties: { spec: { type: 'object', properties: { a, b: a }, ...rules } } },
      { spec: after },
      { spec: before },
    );

  it('may keep what a tightened schema would not allow any more', () => {
    const rules: JsonSchema = { properties: { a: { type: 'string', maxLength: 1 }, b: a } };
    assert.deepEqual(judged(rules, { a: 'long', b: '1' }, { a: 'long', b: '2' }), []);
  });

  it('is not refused for alternatives that seem to fit because nothing in them was changed', () => {
    const only = (value: string): JsonSchema => ({ properties: { a: { enum: [value] } } });
    assert.deepEqual(judged({ oneOf: [only('x'), only('y')] }, { a: 'x', b: '1' }, { a: 'x', b: '2' }), []);
    assert.deepEqual(judged({ not: only('bad') }, { a: 'x', b: '1' }, { a: 'x', b: '2' }), []);
  });

  it('is judged by what all of its schemas say, also of what it leaves as it was', () => {
    const rules: JsonSchema = { allOf: [{ properties: { a: { maxLength: 2 } } }] };
    assert.deepEqual(judged(rules, { a: 'long', b: '1' }, { a: 'long', b: '2' }), [
      'spec.a: Too long: may not be more than 2 bytes',
      '<nil>: Invalid value: "": "spec" must validate all the schemas (allOf). None validated',
    ]);
  });
});

describe('a list of a type', () => {
  const set: JsonSchema = { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } };
  const map: JsonSchema = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
    items: { type: 'object', properties: { k: { type: 'string' } } },
  };
  const cases: readonly (readonly [string, JsonSchema, unknown, ...string[]])[] = [
    ['has no item twice in a set', set, ['a', 'b', 'a'], 'spec.v[2]: Duplicate value: "a"'],
    ['says so once', set, ['a', 'a', 'a'], 'spec.v[1]: Duplicate value: "a"'],
    ['has no key twice in a map', map, [{ k: 'a' }, { k: 'a' }], 'spec.v[1]: Duplicate value: {"k":"a"}'],
    [
      'has nothing but objects in a map, and says so of the first',
      map,
      [1, 1],
      'spec.v[0]: Invalid value: 1: must be an object for an array of list-type map',
    ],
    ['may have nulls in it', map, [null]],
  ];

  it('is told no more than somebody reads', () => {
    const doubled = Array.from({ length: 1_000 }, (_, i) => String(i % 500));
    assert.equal(validateListTypes(spec({ v: set }), { spec: { v: doubled } }).length, 64);
    const lists: JsonSchema = { type: 'array', items: set };
    const many = Array.from({ length: 100 }, () => ['a', 'a']);
    assert.equal(validateListTypes(spec({ v: lists }), { spec: { v: many } }).length, 64);
  });
  for (const [title, schema, value, ...wanted] of cases)
    it(title, () =>
      assert.deepEqual(
        validateListTypes(spec({ v: schema }), { spec: { v: value } }).map(formatFieldError),
        wanted,
      ),
    );
});

describe('a format', () => {
  const cases: Readonly<Record<string, { readonly fits: string[]; readonly not: string[] }>> = {
    uri: {
      fits: ['http://', '/a/path', 'urn:x:y', 'http://a/b?c'],
      not: ['', 'a/path', 'http://[::1'],
    },
    email: { fits: ['a@b', 'A B <a@example.com>'], not: ['x', '@b', 'a b@c'] },
    hostname: {
      fits: ['example.com', 'x', 'YWI='],
      not: ['10.0.0.1', 'Name-1', 'example.com.', '2020-02-29'],
    },
    ipv4: {
      fits: ['10.0.0.1', '010.0.0.1', '::ffff:1.2.3.4', `1.2.3.${'0'.repeat(99)}4`],
      not: ['::1', '10.0.0', '10.0.0.256', '0x.0.0.1', `${'0'.repeat(99)}x.0.0.1`],
    },
    ipv6: { fits: ['::1'], not: ['10.0.0.1', 'fe80::1%eth0'] },
    cidr: { fits: ['10.0.0.1/8', 'fd00::/64'], not: ['10.0.0.0/33', '10.0.0.0'] },
    mac: {
      fits: ['01:23:45:67:89:ab', '0123.4567.89ab', '4111111111111111'],
      not: ['01:23', '9784873113685'],
    },
    creditcard: {
      fits: ['4111111111111111', '4111-1111-1111-1111'],
      not: ['4111111111111112', '9784873113685'],
    },
    ssn: { fits: ['111-11-1111'], not: ['111111111'] },
    rgbcolor: { fits: ['rgb(0, 31, 255)'], not: ['rgb(0,31,256)', 'rgb(1,2)'] },
    byte: { fits: ['YWJj'], not: ['', 'YWI'] },
    date: { fits: ['2020-02-29'], not: ['2021-02-29', '2020-2-9'] },
    duration: { fits: ['1h30m', '2 days', '1d', 'in 2 days'], not: ['', '5', 'x', 'days', '2 x', '2.days'] },
    'date-time': {
      fits: ['2020-01-02T03:04:05Z', '2020-01-02t03:04:05z'],
      not: ['2020-01-02 03:04:05Z', '2020-01-02T25:04:05Z', '2020-01-02T03:04:05'],
    },
  };
  for (const [format, { fits, not }] of Object.entries(cases))
    it(`${format} is that of some texts and not of others`, () => {
      for (const text of fits) assert.equal(hasFormat(format, text), true, text);
      for (const text of not) assert.equal(hasFormat(format, text), false, text);
    });
});
