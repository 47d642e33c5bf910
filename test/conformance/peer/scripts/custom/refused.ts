/** Definitions that say what one may not, in what a systematic change of a right one does not reach. */
import type { JSONSchemaProps } from '@timonier/api';
import type { Comparison, SidedCall } from '../../comparison.ts';
import { group } from './definitions.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

type Rule = NonNullable<JSONSchemaProps['x-kubernetes-validations']>[number];

const text: JSONSchemaProps = { type: 'string' };
const integer: JSONSchemaProps = { type: 'integer' };

/** One version with this schema, and more of the version or of `spec`. */
function definition(schema: JSONSchemaProps | undefined, version: object = {}, spec: object = {}): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `refuseds.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'refuseds', kind: 'Refused' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          ...(schema === undefined ? {} : { schema: { openAPIV3Schema: schema } }),
          ...version,
        },
      ],
      ...spec,
    },
  };
}

function inSpec(properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps {
  return { type: 'object', properties: { spec: { type: 'object', properties, ...more } } };
}

/** A schema of which one property has these rules. */
const ruled = (schema: JSONSchemaProps, ...rules: readonly Rule[]): JSONSchemaProps =>
  inSpec({ v: { ...schema, 'x-kubernetes-validations': [...rules] } });

const keyed = (more: JSONSchemaProps, keys: string[] = ['k']): JSONSchemaProps =>
  inSpec({
    v: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': keys,
      items: { type: 'object', required: ['k'], properties: { k: text, l: integer } },
      ...more,
    },
  });

const schemas: Readonly<Record<string, JSONSchemaProps>> = {
  'a default of another type': inSpec({ v: { type: 'integer', default: 'x' } }),
  'a default out of bounds': inSpec({ v: { type: 'integer', minimum: 3, default: 1 } }),
  'a default with unknown fields': inSpec({
    v: { type: 'object', properties: { a: text }, default: { b: 1 } },
  }),
  'a default that lacks something': inSpec({
    v: { type: 'object', required: ['a'], properties: { a: text }, default: {} },
  }),
  'a default with a default': inSpec({
    v: { type: 'object', properties: { a: { type: 'string', default: 'x' } }, default: {} },
  }),
  'a default of a bad enumeration': inSpec({ v: { type: 'string', enum: ['a'], default: 'b' } }),
  'a default that breaks a rule': ruled({ type: 'integer', default: 0 }, { rule: 'self > 0' }),
  'a default of null': inSpec({ v: { type: 'string', nullable: true, default: null } }),
  'a list without items': inSpec({ v: { type: 'array' } }),
  'items without a type': inSpec({ v: { type: 'array', items: {} } }),
  'values without a type': inSpec({ v: { type: 'object', additionalProperties: {} } }),
  'values and properties': inSpec({
    v: { type: 'object', additionalProperties: text, properties: { a: text } },
  }),
  'no values': inSpec({ v: { type: 'object', additionalProperties: false } }),
  'any values': inSpec({ v: { type: 'object', additionalProperties: true } }),
  'a bad pattern': inSpec({ v: { type: 'string', pattern: '(' } }),
  'another bad pattern': inSpec({ v: { type: 'string', pattern: '[a' } }),
  'a pattern that looks ahead': inSpec({ v: { type: 'string', pattern: '(?=a)b' } }),
  'a type of null': inSpec({ v: { type: 'null' } }),
  'metadata with labels': {
    type: 'object',
    properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
  },
  'metadata with names': {
    type: 'object',
    properties: {
      metadata: {
        type: 'object',
        properties: { name: { type: 'string', pattern: '^a' }, generateName: text },
      },
    },
  },
  'metadata of another type': { type: 'object', properties: { metadata: text } },
  'a kind of another type': {
    type: 'object',
    properties: { kind: integer, apiVersion: { type: 'boolean' } },
  },
  'an embedded object of another type': inSpec({
    v: { type: 'string', 'x-kubernetes-embedded-resource': true },
  }),
  'an embedded object without fields': inSpec({
    v: { type: 'object', 'x-kubernetes-embedded-resource': true },
  }),
  'an embedded map': inSpec({
    v: { type: 'object', 'x-kubernetes-embedded-resource': true, additionalProperties: text },
  }),
  'an integer or string with more': inSpec({
    v: { 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true },
  }),
  'an integer or string by types': inSpec({
    v: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'string' }, { type: 'integer' }] },
  }),
  'an integer or string by all': inSpec({
    v: {
      'x-kubernetes-int-or-string': true,
      allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { pattern: 'x' }],
    },
  }),
  'a combination at the root of what is not there': {
    type: 'object',
    properties: { spec: text },
    anyOf: [{ properties: { a: { minimum: 1 } } }, { not: { items: { minimum: 1 } } }],
  },
  'a combination deep inside': { type: 'object', allOf: [{ oneOf: [{ properties: { a: {} } }] }] },
  'a combination about metadata': {
    type: 'object',
    allOf: [{ properties: { metadata: { required: ['name'] } } }],
  },
  'a set of objects': inSpec({
    v: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object', properties: { a: text } } },
  }),
  'a set of lists': inSpec({
    v: {
      type: 'array',
      'x-kubernetes-list-type': 'set',
      items: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
    },
  }),
  'a set with nulls': inSpec({
    v: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string', nullable: true } },
  }),
  'keys of nothing': keyed({ items: { type: 'object', properties: { a: text } } }),
  'keys twice': keyed({}, ['k', 'k']),
  'no keys': keyed({}, []),
  'keys that may be missing': keyed({}, ['k', 'l']),
  'keys that are lists': keyed({
    items: { type: 'object', required: ['k'], properties: { k: { type: 'array', items: text } } },
  }),
  'keys that may be null': keyed({
    items: { type: 'object', required: ['k'], properties: { k: { type: 'string', nullable: true } } },
  }),
  'keys of texts': keyed({ items: text }),
  'keys without items': keyed({ items: undefined as never }),
  'items that may be null': keyed({
    items: { type: 'object', nullable: true, required: ['k'], properties: { k: text } },
  }),
  'keys of a set': keyed({ 'x-kubernetes-list-type': 'set' }),
  'keys of a list': keyed({ 'x-kubernetes-list-type': undefined as never }),
  'an unknown format twice': inSpec({
    e: { type: 'string', format: 'aaa' },
    f: { type: 'array', items: { type: 'object', additionalProperties: { type: 'string', format: 'aaa' } } },
  }),
  'an unknown format of integers': inSpec({ v: { type: 'integer', format: 'uint32' } }),
  'an unknown format of numbers': inSpec({ v: { type: 'number', format: 'decimal' } }),
  nullable: { type: 'object', nullable: true },
  'no type': {},
  'another type': { type: 'array', items: text },
  'values at the root': { type: 'object', additionalProperties: text },
  'a root that is preserved': { 'x-kubernetes-preserve-unknown-fields': true },
  // Rules.
  'an empty rule': ruled(integer, { rule: '' }),
  'a blank rule': ruled(integer, { rule: '  ' }),
  'a rule of another type': ruled(integer, { rule: 'self + 1' }),
  'a rule that is no expression': ruled(integer, { rule: 'self >' }),
  'a rule of what is not there': inSpec(
    { a: integer },
    { 'x-kubernetes-validations': [{ rule: 'self.b > 1' }] },
  ),
  'a rule of two types': ruled(integer, { rule: "self == 'x'" }),
  'a rule with an unknown function': ruled(text, { rule: 'self.what()' }),
  'a rule on several lines': ruled(integer, { rule: 'self > 1\n&& self < 3' }),
  'a rule on several lines with a message': ruled(integer, { rule: 'self > 1\n&& self < 3', message: 'x' }),
  'a message on several lines': ruled(integer, { rule: 'self > 1', message: 'a\nb' }),
  'a blank message': ruled(integer, { rule: 'self > 1', message: '  ' }),
  'a long message': ruled(integer, { rule: 'self > 1', message: 'x'.repeat(3_000) }),
  'a blank message expression': ruled(integer, { rule: 'self > 1', messageExpression: ' ' }),
  'a message expression of another type': ruled(integer, { rule: 'self > 1', messageExpression: 'self' }),
  'a message expression that is none': ruled(integer, { rule: 'self > 1', messageExpression: 'what(' }),
  'a message expression that may be long': ruled(integer, {
    rule: 'self > 1',
    messageExpression: "'is ' + string(self)",
  }),
  'an unknown reason': ruled(integer, { rule: 'self > 1', reason: 'What' as never }),
  'a path of nothing': ruled({ type: 'object', properties: { a: text } }, { rule: 'true', fieldPath: '.b' }),
  'a path without a dot': ruled(
    { type: 'object', properties: { a: text } },
    { rule: 'true', fieldPath: 'a' },
  ),
  'a blank path': ruled({ type: 'object', properties: { a: text } }, { rule: 'true', fieldPath: ' ' }),
  'a path with an index': ruled(
    { type: 'object', properties: { a: { type: 'array', items: text } } },
    { rule: 'true', fieldPath: '.a[0]' },
  ),
  'a path on two lines': ruled(
    { type: 'object', properties: { a: text } },
    { rule: 'true', fieldPath: '.a\n' },
  ),
  'an optional old self that is not used': ruled(integer, { rule: 'self > 1', optionalOldSelf: true }),
  'no optional old self': ruled(integer, { rule: 'self > 1', optionalOldSelf: false }),
  'an old self in a list': inSpec({
    v: {
      type: 'array',
      maxItems: 3,
      items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] },
    },
  }),
  'an old self in a set': inSpec({
    v: {
      type: 'array',
      maxItems: 3,
      'x-kubernetes-list-type': 'set',
      items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf' }] },
    },
  }),
  'a rule that costs too much': inSpec(
    { a: { type: 'array', items: text } },
    { 'x-kubernetes-validations': [{ rule: 'self.a.all(x, self.a.all(y, x == y))' }] },
  ),
  'a rule that costs a little too much': ruled(
    { type: 'array', maxItems: 5_000, items: { type: 'string', maxLength: 10 } },
    { rule: 'self.all(x, self.exists_one(y, x == y))' },
  ),
  'a rule in a long list': inSpec({
    a: {
      type: 'array',
      items: {
        type: 'object',
        properties: { b: text },
        'x-kubernetes-validations': [{ rule: "self.b.contains('x')" }],
      },
    },
  }),
  'a rule in a long map': inSpec({
    a: {
      type: 'object',
      additionalProperties: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 1' }] },
    },
  }),
  'rules in a combination': inSpec({
    v: { type: 'integer', allOf: [{ 'x-kubernetes-validations': [{ rule: 'true' }] }] },
  }),
  'a rule beside a mistake': inSpec({
    v: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'what' }] },
    w: { type: 'array' },
  }),
  'a rule without a type': inSpec({
    v: { 'x-kubernetes-preserve-unknown-fields': true, 'x-kubernetes-validations': [{ rule: 'self == 1' }] },
  }),
};

const valid = inSpec({
  replicas: integer,
  mode: text,
  on: { type: 'boolean' },
  list: { type: 'array', items: text },
});

const versions: Readonly<Record<string, object>> = {
  'columns of every sort': {
    additionalPrinterColumns: [
      { name: '', type: 'string', jsonPath: '.a' },
      { name: 'b', type: 'text', jsonPath: '.a' },
      { name: 'c', type: 'string', format: 'what', jsonPath: '.a' },
      { name: 'd', type: 'string', jsonPath: '' },
      { name: 'e', type: 'string', jsonPath: 'a' },
      { name: 'f', type: 'string', jsonPath: '.a[' },
      { name: 'g', type: 'string', jsonPath: '.a[?(' },
      { name: 'h', type: 'string', jsonPath: '..' },
      { name: 'i', type: 'string', jsonPath: '.a}b' },
      { name: 'j', type: '', jsonPath: '.a[*].b' },
    ],
  },
  'selectable fields of every sort': {
    selectableFields: [
      { jsonPath: '.spec.mode' },
      { jsonPath: '.spec.mode' },
      { jsonPath: '.spec.list' },
      { jsonPath: '.spec.what' },
      { jsonPath: 'spec.mode' },
      { jsonPath: '' },
      { jsonPath: '.metadata.name' },
      { jsonPath: '.spec.list[0]' },
      { jsonPath: '.' },
    ],
  },
  'scale paths elsewhere': {
    subresources: {
      scale: {
        specReplicasPath: '.status.replicas',
        statusReplicasPath: '.spec.replicas',
        labelSelectorPath: '.metadata.labels',
      },
    },
  },
  'scale paths of nothing': {
    subresources: { scale: { specReplicasPath: '', statusReplicasPath: '', labelSelectorPath: '' } },
  },
  'scale paths that are no paths': {
    subresources: {
      scale: { specReplicasPath: 'spec', statusReplicasPath: '.status[0]', labelSelectorPath: '.spec..a' },
    },
  },
  'scale paths of roots': {
    subresources: { scale: { specReplicasPath: '.spec', statusReplicasPath: '.status' } },
  },
  'a warning of nothing deprecated': { deprecationWarning: 'x' },
  'an empty warning': { deprecated: true, deprecationWarning: '' },
  'a long warning': { deprecated: true, deprecationWarning: 'x'.repeat(300) },
  'a warning that is not printable': { deprecated: true, deprecationWarning: 'a\tb' },
  'a bad name': { name: 'V1!' },
  'not stored': { storage: false },
};

const client = { service: { name: 'x', namespace: 'y' } };
const webhook = (more: object): object => ({ conversion: { strategy: 'Webhook', webhook: more } });
const specs: Readonly<Record<string, object>> = {
  'conversion by nobody': webhook({}),
  'conversion by a URL': webhook({ clientConfig: { url: 'http://x' }, conversionReviewVersions: ['v1'] }),
  'conversion by a bad URL': webhook({
    clientConfig: { url: 'https://a b/?c#d' },
    conversionReviewVersions: ['v1'],
  }),
  'conversion by two': webhook({
    clientConfig: { url: 'https://x', ...client },
    conversionReviewVersions: ['v1'],
  }),
  'conversion by a bad service': webhook({
    clientConfig: { service: { name: 'X!', namespace: '', path: 'x', port: 99_999 } },
    conversionReviewVersions: ['v1'],
  }),
  'conversion with a bad bundle': webhook({
    clientConfig: { ...client, caBundle: 'eA==' },
    conversionReviewVersions: ['v1'],
  }),
  'conversion without reviews': webhook({ clientConfig: client }),
  'conversion with unknown reviews': webhook({
    clientConfig: client,
    conversionReviewVersions: ['v7', 'V!', 'v7'],
  }),
  'conversion of nothing by a webhook': {
    conversion: { strategy: 'None', webhook: { clientConfig: client } },
  },
  'conversion of another sort': { conversion: { strategy: 'What' } },
  'names of every sort': {
    names: {
      plural: 'refuseds',
      kind: 'Bad_Kind',
      listKind: 'Bad_Kind',
      singular: 'A!',
      shortNames: ['A', ''],
      categories: ['B c'],
    },
  },
  'one name for both kinds': { names: { plural: 'refuseds', kind: 'Refused', listKind: 'Refused' } },
  'a protected group': { group: 'x.k8s.io' },
  'a group without a dot': { group: 'x' },
  'unknown fields kept': { preserveUnknownFields: true },
  'two versions of one name': {
    versions: [1, 2].map(() => ({
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: valid },
    })),
  },
  'two versions that differ': {
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: inSpec({ v: { type: 'array' } }) },
      },
      {
        name: 'v2',
        served: true,
        storage: false,
        schema: { openAPIV3Schema: inSpec({ v: { type: 'what' } }) },
      },
    ],
  },
  'two versions alike': {
    versions: ['v1', 'v2'].map((name, i) => ({
      name,
      served: true,
      storage: i === 0,
      schema: { openAPIV3Schema: inSpec({ v: { type: 'array' } }) },
    })),
  },
};

export async function refusedScript(comparison: Comparison): Promise<void> {
  const create = (body: object): SidedCall => ({ method: 'POST', path: `${definitions}?dryRun=All`, body });
  const rename = (body: object, spec: { group?: string }): object =>
    spec.group === undefined ? body : { ...body, metadata: { name: `refuseds.${spec.group}` } };
  await comparison.all([
    ...Object.entries(schemas).map(([title, schema]) => ({
      title: `schema with ${title}`,
      call: create(definition(schema)),
    })),
    ...Object.entries(versions).map(([title, version]) => ({
      title: `version with ${title}`,
      call: create(definition(valid, version)),
    })),
    ...Object.entries(specs).map(([title, spec]) => ({
      title,
      call: create(rename(definition(valid, {}, spec), spec)),
    })),
    { title: 'no schema', call: create(definition(undefined)) },
  ]);
}
