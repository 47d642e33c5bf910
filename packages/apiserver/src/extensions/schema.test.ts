/** Structural schemas on tables: what they drop, fill in and refuse, and which schemas are refused themselves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiObject, formatFieldError, parseJson } from '@timonier/api';
import { compilePath, simplePath } from './json-path.ts';
import type { JsonObject, JsonSchema } from './json-schema.ts';
import { carriesDefault, fillDefaults, prunedObject } from './prune.ts';
import { compileRules } from './rules.ts';
import { validateSchema } from './validate-schema.ts';
import { validateValue } from './validate-value.ts';

const spec = (properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties, ...more } },
});
const texts = (schema: JsonSchema, value: object): string[] =>
  validateValue(schema, value, undefined).map(formatFieldError);

describe('what is written as null', () => {
  it('is no schema, and nothing is looked for below it', () => {
    const schema = { type: 'object', properties: { a: null } } as unknown as JsonSchema;
    assert.equal(carriesDefault(schema), false);
  });
});

describe('pruning', () => {
  const cases: readonly (readonly [string, JsonSchema, object, object, readonly string[]])[] = [
    [
      'drops and names what is unknown',
      spec({ a: { type: 'string' } }),
      { spec: { a: 'x', b: 1 }, other: 2 },
      { spec: { a: 'x' } },
      ['unknown field "spec.b"', 'unknown field "other"'],
    ],
    [
      'keeps metadata',
      { type: 'object' },
      { metadata: { name: 'x' }, kind: 'K' },
      { metadata: { name: 'x' }, kind: 'K' },
      [],
    ],
    [
      'goes into lists and maps',
      spec({
        l: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } },
        m: { type: 'object', additionalProperties: { type: 'object', properties: {} } },
      }),
      { spec: { l: [{ a: '1', b: 2 }], m: { k: { z: 1 } } } },
      { spec: { l: [{ a: '1' }], m: { k: {} } } },
      ['unknown field "spec.l[0].b"', 'unknown field "spec.m.k.z"'],
    ],
    [
      'keeps what shall be preserved, but prunes below what is specified',
      spec({
        p: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { q: { type: 'object', properties: {} } },
        },
      }),
      { spec: { p: { any: { x: 1 }, q: { y: 1 } } } },
      { spec: { p: { any: { x: 1 }, q: {} } } },
      ['unknown field "spec.p.q.y"'],
    ],
    [
      'keeps what items have where their list shall be preserved, but prunes below what is specified',
      spec({
        l: {
          type: 'array',
          'x-kubernetes-preserve-unknown-fields': true,
          items: { type: 'object', properties: { a: { type: 'object', properties: {} } } },
        },
      }),
      { spec: { l: [{ a: { x: 1 }, b: { y: 1 } }] } },
      { spec: { l: [{ a: {}, b: { y: 1 } }] } },
      ['unknown field "spec.l[0].a.x"'],
    ],
    [
      'knows the type fields of embedded resources',
      spec({
        e: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          properties: { spec: { type: 'object', properties: {} } },
        },
      }),
      { spec: { e: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { x: 1 } } } },
      { spec: { e: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: {} } } },
      ['unknown field "spec.e.spec.x"'],
    ],
  ];
  for (const [name, schema, value, wanted, problems] of cases)
    it(name, () => {
      const found: string[] = [];
      assert.deepEqual(prunedObject(schema, value as JsonObject, found), wanted);
      assert.deepEqual(found, problems);
    });
});

describe('defaulting', () => {
  const cases: readonly (readonly [string, JsonSchema, object, object])[] = [
    [
      'fills in what is missing, also below what it filled in',
      spec({ a: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 7 } } } }),
      { spec: {} },
      { spec: { a: { b: 7 } } },
    ],
    [
      'leaves what is there',
      spec({ a: { type: 'integer', default: 7 } }),
      { spec: { a: 0 } },
      { spec: { a: 0 } },
    ],
    [
      'replaces a null that is no value by the default',
      spec({ a: { type: 'integer', default: 7 } }),
      { spec: { a: null } },
      { spec: { a: 7 } },
    ],
    [
      'keeps a null that is a value',
      spec({ a: { type: 'integer', nullable: true, default: 7 } }),
      { spec: { a: null } },
      { spec: { a: null } },
    ],
    [
      'takes out a null without a default',
      spec({ a: { type: 'integer' } }),
      { spec: { a: null } },
      { spec: {} },
    ],
    [
      'goes into items and values',
      spec({
        l: { type: 'array', items: { type: 'object', properties: { x: { type: 'string', default: 'd' } } } },
      }),
      { spec: { l: [{}, { x: 'y' }] } },
      { spec: { l: [{ x: 'd' }, { x: 'y' }] } },
    ],
  ];
  for (const [name, schema, value, wanted] of cases)
    it(name, () => {
      fillDefaults(schema, value);
      assert.deepEqual(value, wanted);
    });
});

describe('a schema is refused', () => {
  const at = 'schema';
  const cases: readonly (readonly [string, JsonSchema, string])[] = [
    ['without a type at the root', {}, 'schema.type: Required value: must not be empty at the root'],
    [
      'without a type of a field',
      { type: 'object', properties: { a: {} } },
      'schema.properties[a].type: Required value: must not be empty for specified object fields',
    ],
    [
      'with an unknown type',
      { type: 'object', properties: { a: { type: 'text' } } },
      'schema.properties[a].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ],
    [
      'with a list without items',
      { type: 'object', properties: { a: { type: 'array' } } },
      'schema.properties[a].items: Required value: must be specified',
    ],
    [
      'with a type inside of a combination',
      { type: 'object', properties: { a: { type: 'string', anyOf: [{ type: 'string' }] } } },
      'schema.properties[a].anyOf[0].type: Forbidden: must be empty to be structural',
    ],
    [
      'with a field that only a combination knows',
      { type: 'object', anyOf: [{ properties: { a: { minimum: 1 } } }] },
      'schema.properties[a]: Required value: because it is defined in schema.anyOf[0].properties[a]',
    ],
    [
      'with a field that only a combination knows, of a name that every object of JavaScript has',
      { type: 'object', properties: {}, anyOf: [{ properties: { constructor: { minimum: 1 } } }] },
      'schema.properties[constructor]: Required value: because it is defined in schema.anyOf[0].properties[constructor]',
    ],
    [
      'with a default that does not fit',
      spec({ a: { type: 'integer', default: 'x' } }),
      'schema.properties[spec].properties[a].default: Invalid value: "string":  in body must be of type integer: "string"',
    ],
    [
      'with a bad pattern',
      spec({ a: { type: 'string', pattern: '(' } }),
      'must be a valid regular expression',
    ],
    [
      'with list keys that may be absent',
      spec({
        a: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', properties: { k: { type: 'string' } } },
        },
      }),
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
    ],
    [
      'that says more of metadata than names',
      {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
      },
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
    [
      'with a rule that does not compile',
      spec({ a: { type: 'integer' } }, { 'x-kubernetes-validations': [{ rule: 'self.b > 1' }] }),
      "compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^",
    ],
    [
      'with a rule that is no question',
      spec({ a: { type: 'integer' } }, { 'x-kubernetes-validations': [{ rule: 'self.a + 1' }] }),
      'must evaluate to a bool',
    ],
    [
      'with a rule that can cost too much',
      spec(
        { a: { type: 'array', items: { type: 'string' } } },
        { 'x-kubernetes-validations': [{ rule: 'self.a.all(x, self.a.all(y, x == y))' }] },
      ),
      'estimated rule cost exceeds budget by factor of more than 100x',
    ],
    [
      'with oldSelf where the old value cannot be found',
      spec({
        a: {
          type: 'array',
          maxItems: 3,
          items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] },
        },
      }),
      'oldSelf cannot be used on the uncorrelatable portion of the schema',
    ],
  ];
  for (const [name, schema, wanted] of cases)
    it(name, () => {
      const found = validateSchema(schema, at).map(formatFieldError);
      assert.ok(
        found.some((text) => text.includes(wanted)),
        found.join('\n') || 'it was not refused',
      );
    });

  it('once, and for nothing else, when a dialect is named anywhere', () => {
    const dialect = `${at}: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`;
    const named = { $schema: 'x' };
    for (const schema of [
      named,
      spec({ a: { type: 'string', allOf: [named] } }),
      spec({ a: { not: named } }),
    ])
      assert.deepEqual(validateSchema(schema, at).map(formatFieldError), [dialect]);
  });

  it('with what only a place may say inside of a combination, in the order of the texts', () => {
    const inner: JsonSchema = {
      nullable: true,
      title: 'x',
      additionalProperties: true,
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-int-or-string': true,
    };
    const path = 'schema.properties[spec].properties[a].allOf[0]';
    assert.deepEqual(
      validateSchema(spec({ a: { type: 'string', allOf: [inner] } }), at).map(formatFieldError),
      [
        `${path}.additionalProperties: Forbidden: must be undefined to be structural`,
        `${path}.nullable: Forbidden: must be false to be structural`,
        `${path}.title: Forbidden: must be empty to be structural`,
        `${path}.x-kubernetes-int-or-string: Forbidden: must be false to be structural`,
        `${path}.x-kubernetes-list-type: Forbidden: must be undefined to be structural`,
        `${path}.type: Required value: must be array if x-kubernetes-list-type is specified`,
      ],
    );
  });

  it('only by its parts where it has some that no structural one has', () => {
    const path = 'schema.properties[spec].properties[a].not';
    const inner: JsonSchema = { type: 'x', id: 'x', nullable: true };
    assert.deepEqual(validateSchema(spec({ a: { type: 'string', not: inner } }), at).map(formatFieldError), [
      `${path}.type: Unsupported value: "x": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      `${path}.id: Forbidden: id is not supported`,
    ]);
  });

  it('but not for marks that say less than its type, or for fields that combinations of fields name', () => {
    for (const schema of [
      spec({ a: { type: 'string', 'x-kubernetes-int-or-string': true } }),
      spec({ a: { type: 'string', 'x-kubernetes-preserve-unknown-fields': true } }),
      spec({ a: { type: 'object', allOf: [{ properties: { b: {} } }] } }),
      spec({ a: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] } }),
    ])
      assert.deepEqual(validateSchema(schema, at).map(formatFieldError), []);
  });

  it('for a rule with the rule itself, and for all together with the dearest', () => {
    const rules = [{ rule: 'x' }];
    const [found] = validateSchema(spec({ a: { type: 'string', 'x-kubernetes-validations': rules } }), at);
    assert.equal(found?.field, 'schema.properties[spec].properties[a].x-kubernetes-validations[0].rule');
    assert.deepEqual(found?.badValue, {
      Rule: 'x',
      Message: '',
      MessageExpression: '',
      Reason: null,
      FieldPath: '',
      OptionalOldSelf: null,
    });
    const dear = spec(
      { a: { type: 'array', items: { type: 'string' } } },
      { 'x-kubernetes-validations': [{ rule: 'self.a.all(x, self.a.all(y, x == y))' }] },
    );
    const hint =
      '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
    assert.deepEqual(validateSchema(dear, at).map(formatFieldError), [
      `schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${hint}`,
      'schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      `schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${hint}`,
    ]);
  });

  it('but not again for what a rule that was there before can cost', () => {
    const schema = spec(
      { a: { type: 'array', items: { type: 'string' } } },
      { 'x-kubernetes-validations': [{ rule: 'self.a.all(x, self.a.all(y, x == y))' }] },
    );
    assert.deepEqual(validateSchema(schema, at, schema), []);
  });
});

describe('rules', () => {
  const check = (schema: JsonSchema, value: ApiObject, old?: ApiObject): string[] =>
    compileRules(schema).check(value, old).map(formatFieldError);
  const range = spec(
    { min: { type: 'integer' }, max: { type: 'integer' } },
    {
      'x-kubernetes-validations': [
        {
          rule: 'self.min <= self.max',
          messageExpression: "'min %d is above max %d'.format([self.min, self.max])",
          reason: 'FieldValueForbidden',
          fieldPath: '.min',
        },
      ],
    },
  );

  it('say what is wrong where they were told to', () => {
    assert.deepEqual(check(range, { spec: { min: 1, max: 2 } }), []);
    assert.deepEqual(check(range, { spec: { min: 3, max: 2 } }), [
      'spec.min: Forbidden: min 3 is above max 2',
    ]);
  });

  it('name themselves without a message', () => {
    const schema = spec({ a: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 1' }] } });
    assert.deepEqual(check(schema, { spec: { a: 1 } }), ['spec.a: Invalid value: 1: failed rule: self > 1']);
  });

  it('about changes are asked of changes only', () => {
    const schema = spec({
      a: {
        type: 'string',
        'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is immutable' }],
      },
    });
    assert.deepEqual(check(schema, { spec: { a: 'x' } }), []);
    assert.deepEqual(check(schema, { spec: { a: 'x' } }, { spec: {} }), []);
    assert.deepEqual(check(schema, { spec: { a: 'x' } }, { spec: { a: 'y' } }), [
      'spec.a: Invalid value: "x": is immutable',
    ]);
  });

  it('with an optional old value are asked of new ones too', () => {
    const schema = spec({
      a: {
        type: 'integer',
        'x-kubernetes-validations': [
          { rule: 'oldSelf.hasValue() ? self > oldSelf.value() : self == 1', optionalOldSelf: true },
        ],
      },
    });
    assert.equal(check(schema, { spec: { a: 2 } }).length, 1);
    assert.equal(check(schema, { spec: { a: 1 } }).length, 0);
    assert.equal(check(schema, { spec: { a: 2 } }, { spec: { a: 1 } }).length, 0);
  });

  it('find the old item of a list by its keys', () => {
    const items: JsonSchema = {
      type: 'object',
      required: ['k'],
      properties: { k: { type: 'string' }, v: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule: 'self.v >= oldSelf.v' }],
    };
    const schema = spec({
      l: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items },
    });
    const old = {
      spec: {
        l: [
          { k: 'a', v: 1 },
          { k: 'b', v: 5 },
        ],
      },
    };
    assert.deepEqual(
      check(
        schema,
        {
          spec: {
            l: [
              { k: 'b', v: 6 },
              { k: 'c', v: 0 },
            ],
          },
        },
        old,
      ),
      [],
    );
    assert.equal(check(schema, { spec: { l: [{ k: 'b', v: 4 }] } }, old).length, 1);
  });

  it('that fail to evaluate are violations, and do not stop the others', () => {
    const schema = spec(
      { a: { type: 'integer' } },
      { 'x-kubernetes-validations': [{ rule: '1 / self.a > 0' }, { rule: 'self.a > 0' }] },
    );
    assert.deepEqual(check(schema, { spec: { a: 0 } }), [
      'spec: Invalid value: "object": division by zero evaluating rule: 1 / self.a > 0',
      'spec: Invalid value: failed rule: self.a > 0',
    ]);
  });

  it('see names as they are escaped', () => {
    const schema = spec(
      { 'a-b': { type: 'integer' }, if: { type: 'integer' } },
      { 'x-kubernetes-validations': [{ rule: 'self.a__dash__b == self.__if__' }] },
    );
    assert.deepEqual(check(schema, { spec: { 'a-b': 1, if: 1 } }), []);
  });
});

describe('a JSON path', () => {
  const object = {
    a: {
      'x.y': 1,
      l: [
        { t: 'A', v: 1 },
        { t: 'B', v: 2 },
      ],
    },
  };
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ['.a.l[1].v', [2]],
    ['.a.l[-1].v', [2]],
    ['.a.l[*].t', ['A', 'B']],
    ['.a.l[?(@.t=="B")].v', [2]],
    ['.a.l[?(@.v>=2)].t', ['B']],
    ['.a.x\\.y', [1]],
    // As kube-apiserver 1.36.3 was seen to read it: a dot in quotes is one between names, too.
    [".a['x.y']", []],
    [".a['x\\.y']", [1]],
    ['.a.l[0:1].t', ['A']],
    ['..v', [2, 1]],
    ['.a.none', []],
  ];
  for (const [path, wanted] of cases)
    it(path, () => assert.deepEqual(new Set(compilePath(path)(object)), new Set(wanted)));
  it('says what is no filter', () => {
    assert.throws(() => compilePath('.a[?(b==1)]'), /cannot read the filter "b==1"/);
    assert.throws(() => compilePath('.a[?(@.b == )]'), /compares with nothing/);
  });
  it('is simple when it is names only', () => {
    assert.deepEqual(simplePath('.spec.a-b'), ['spec', 'a-b']);
    assert.deepEqual(simplePath(".$a\\.b['c d'].e"), ['$a.b', 'c d', 'e']);
    assert.equal(simplePath(`${'.a'.repeat(999)}!`), undefined);
    assert.equal(simplePath('.spec[0]'), undefined);
  });
});

describe('bounds that a JavaScript number cannot hold', () => {
  const schema = parseJson(`{"type": "object", "properties": {"spec": {"type": "object",
    "maxProperties": 98765432109876543210, "minProperties": -98765432109876543210,
    "properties": {
      "text": {"type": "string", "maxLength": 9223372036854775807, "minLength": -9223372036854775808},
      "count": {"type": "integer", "maximum": 9223372036854775807, "minimum": -9223372036854775807},
      "list": {"type": "array", "maxItems": 9223372036854775807, "minItems": -9223372036854775807,
        "items": {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}}
    },
    "x-kubernetes-validations": [{"rule": "self.list.size() < 3"}]}}}`).value as JsonSchema;

  it('are compared like others', () => {
    assert.deepEqual(texts(schema, { spec: { text: 'a', count: 1, list: [{}] } }), []);
    assert.deepEqual(validateSchema(schema, 'schema', undefined).map(formatFieldError), []);
  });
});
