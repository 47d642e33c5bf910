/**
 * Definitions of custom resources of different shapes: what each is for says its name. They are what operators bring
 * with them, made small.
 */
import type { JSONSchemaProps } from '@timonier/api';
import { namespace } from '../world.ts';

export const group = 'custom.example.com';

export interface Shape {
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly definition: Readonly<Record<string, unknown>>;
}

/** The collection of a shape's resources. */
export function pathOf({ plural, namespaced }: Shape, version = 'v1'): string {
  return `/apis/${group}/${version}${namespaced ? `/namespaces/${namespace}` : ''}/${plural}`;
}

interface Version {
  readonly name: string;
  readonly schema: JSONSchemaProps;
  readonly more?: Readonly<Record<string, unknown>>;
}

function shape(kind: string, versions: readonly Version[], namespaced = true): Shape {
  const plural = `${kind.toLowerCase()}s`;
  return {
    plural,
    kind,
    namespaced,
    definition: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: namespaced ? 'Namespaced' : 'Cluster',
        names: { plural, kind, shortNames: [kind.toLowerCase().slice(0, 3)], categories: ['customs'] },
        versions: versions.map(({ name, schema, more }, i) => ({
          name,
          served: true,
          storage: i === 0,
          schema: { openAPIV3Schema: schema },
          ...more,
        })),
      },
    },
  };
}

/** A schema of one version whose `spec` has these properties. */
function withSpec(properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps {
  return {
    type: 'object',
    properties: {
      spec: { type: 'object', properties, ...more },
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
}

const text: JSONSchemaProps = { type: 'string' };
const integer: JSONSchemaProps = { type: 'integer' };

/** One property for each thing that a schema can say of a value. */
export const values: Record<string, JSONSchemaProps> = {
  text,
  flag: { type: 'boolean' },
  integer,
  number: { type: 'number' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  float: { type: 'number', format: 'float' },
  double: { type: 'number', format: 'double' },
  short: { type: 'string', maxLength: 3 },
  single: { type: 'string', maxLength: 1 },
  maybe: { type: 'string', nullable: true, enum: ['x'] },
  never: { type: 'string', nullable: true, enum: ['x', null] },
  address: { type: 'string', format: 'ipv4' },
  long: { type: 'string', minLength: 2 },
  pattern: { type: 'string', pattern: '^[a-z]+$' },
  choice: { type: 'string', enum: ['x', 'Small', 'Large'] },
  numbers: { type: 'integer', enum: [1, 2, 3] },
  least: { type: 'integer', minimum: 1 },
  most: { type: 'integer', maximum: 0 },
  above: { type: 'number', minimum: 0, exclusiveMinimum: true },
  below: { type: 'number', maximum: 1, exclusiveMaximum: true },
  multiple: { type: 'integer', multipleOf: 2 },
  fraction: { type: 'number', multipleOf: 0.5 },
  nullable: { type: 'string', nullable: true },
  port: { 'x-kubernetes-int-or-string': true },
  quantity: {
    'x-kubernetes-int-or-string': true,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    pattern: '^(\\+|-)?[0-9]+(\\.[0-9]+)?([kMGTPE]i?|m)?$',
  },
  list: { type: 'array', items: text },
  few: { type: 'array', items: text, maxItems: 1, minItems: 1 },
  unique: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
  atomic: { type: 'array', items: integer, 'x-kubernetes-list-type': 'atomic' },
  keyed: {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name', 'protocol'],
    items: {
      type: 'object',
      required: ['name'],
      properties: { name: text, protocol: { type: 'string', default: 'TCP' }, port: integer },
    },
  },
  map: { type: 'object', additionalProperties: text },
  small: { type: 'object', additionalProperties: integer, maxProperties: 1, minProperties: 1 },
  maps: {
    type: 'object',
    additionalProperties: { type: 'object', properties: { a: integer, b: text }, required: ['a'] },
  },
  object: {
    type: 'object',
    required: ['a'],
    properties: { a: text, b: integer, inner: { type: 'object', required: ['c'], properties: { c: text } } },
  },
  open: {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: { a: text },
  },
  anything: { 'x-kubernetes-preserve-unknown-fields': true },
  embedded: {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  },
  known: {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    properties: { spec: { type: 'object', properties: { a: text } } },
  },
  all: { type: 'string', allOf: [{ minLength: 2 }, { pattern: '^x' }] },
  any: { type: 'string', anyOf: [{ pattern: '^x' }, { maxLength: 0 }] },
  one: { type: 'integer', oneOf: [{ minimum: 1 }, { maximum: 1 }] },
  not: { type: 'string', not: { enum: ['x'] } },
  either: {
    type: 'object',
    properties: { a: text, b: integer },
    oneOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  alternatives: {
    type: 'object',
    properties: { a: text, b: { type: 'integer' } },
    anyOf: [
      { required: ['a'], properties: { a: { minLength: 2 } } },
      { properties: { b: { minimum: 5 } }, required: ['b'] },
    ],
  },
};

/** One property for each format that Kubernetes checks, and some that it does not know. */
export const formats = [
  'bsonobjectid',
  'uri',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'cidr',
  'mac',
  'uuid',
  'uuid3',
  'uuid4',
  'uuid5',
  'isbn',
  'isbn10',
  'isbn13',
  'creditcard',
  'ssn',
  'hexcolor',
  'rgbcolor',
  'byte',
  'password',
  'date',
  'duration',
  'datetime',
  'date-time',
  'k8s-short-name',
  'k8s-long-name',
  'quantity',
] as const;

/** A property of any format; `date-time` would be no field of an expression otherwise. */
export const formatField = (format: string): string => format.replaceAll('-', '_');

type Rule = NonNullable<JSONSchemaProps['x-kubernetes-validations']>[number];
const ruled = (schema: JSONSchemaProps, ...rules: readonly Rule[]): JSONSchemaProps => ({
  ...schema,
  'x-kubernetes-validations': [...rules],
});

/** Places with rules of every sort. */
const rules = ruled(
  {
    type: 'object',
    properties: {
      spec: ruled(
        {
          type: 'object',
          properties: {
            min: integer,
            max: integer,
            name: ruled({ type: 'string', maxLength: 20 }, { rule: "self.startsWith('x')" }),
            fixed: ruled(
              { type: 'string', maxLength: 20 },
              { rule: 'self == oldSelf', message: 'is immutable' },
            ),
            once: ruled(
              { type: 'string', maxLength: 20 },
              {
                rule: "!oldSelf.hasValue() ? self == 'first' : self != 'first'",
                optionalOldSelf: true,
                message: 'goes on from first',
              },
            ),
            list: ruled(
              { type: 'array', maxItems: 10, items: ruled(integer, { rule: 'self > 0' }) },
              { rule: 'self.all(x, x < 100)', message: 'all below 100' },
            ),
            map: ruled(
              {
                type: 'object',
                maxProperties: 10,
                additionalProperties: ruled(integer, { rule: 'self > 0' }),
              },
              { rule: "!('bad' in self)" },
            ),
            keyed: {
              type: 'array',
              maxItems: 10,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name'],
                properties: {
                  name: { type: 'string', maxLength: 10 },
                  value: ruled(integer, { rule: 'self >= oldSelf', message: 'may only grow' }),
                },
              },
            },
            port: ruled(
              { 'x-kubernetes-int-or-string': true },
              { rule: 'type(self) == int ? self > 0 : true' },
            ),
            time: ruled(
              { type: 'string', format: 'date-time' },
              { rule: "self > timestamp('2020-01-01T00:00:00Z')" },
            ),
            wait: ruled({ type: 'string', format: 'duration' }, { rule: "self <= duration('1h')" }),
            divided: ruled(integer, { rule: '100 / self > 1' }),
            index: ruled({ type: 'array', maxItems: 5, items: integer }, { rule: 'self[2] > 0' }),
            quantity: ruled(
              { type: 'string', maxLength: 20 },
              { rule: "quantity(self).isGreaterThan(quantity('1Gi'))" },
            ),
            address: ruled(
              { type: 'string', maxLength: 50 },
              { rule: 'isIP(self) && ip(self).family() == 4' },
            ),
            required: ruled(
              { type: 'object', properties: { a: text, 'b-c': integer, namespace: text } },
              {
                rule: 'has(self.a)',
                reason: 'FieldValueRequired',
                fieldPath: '.a',
                message: 'a must be there',
              },
              { rule: '!has(self.b__dash__c) || self.b__dash__c > 0', fieldPath: "['b-c']" },
              {
                rule: "!has(self.__namespace__) || self.__namespace__ != 'kube-system'",
                reason: 'FieldValueForbidden',
              },
            ),
            duplicate: ruled(
              { type: 'string', maxLength: 20 },
              { rule: "self != 'twice'", reason: 'FieldValueDuplicate' },
            ),
            computed: ruled(
              integer,
              { rule: 'self < 10', messageExpression: "self == 11 ? 'is eleven' : 'is not below 10'" },
              { rule: 'self != 13', messageExpression: "'x'.substring(self)", message: 'not this one' },
              { rule: 'self != 14', messageExpression: "'  '" },
            ),
          },
        },
        { rule: '!has(self.min) || !has(self.max) || self.min <= self.max', message: 'min is more than max' },
        {
          rule: "!has(self.min) || self.min != 7 || (has(self.name) && self.name == 'x7')",
          messageExpression: "'name of 7: ' + (has(self.name) ? self.name : 'none')",
          fieldPath: '.name',
        },
        {
          rule: 'has(oldSelf.max) == has(self.max)',
          message: 'max comes and goes with the object',
        },
      ),
    },
  },
  { rule: "self.metadata.name.startsWith('r')", message: 'the name begins with r' },
  { rule: "self.kind == 'Rule' && self.apiVersion.startsWith('custom')" },
);

const columns = [
  { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', description: 'How many.' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Weight', type: 'number', jsonPath: '.spec.weight', priority: 1 },
  { name: 'On', type: 'boolean', jsonPath: '.spec.on' },
  { name: 'Since', type: 'date', jsonPath: '.spec.since' },
  { name: 'Hosts', type: 'string', jsonPath: '.spec.hosts[*]' },
  { name: 'First', type: 'string', jsonPath: '.spec.hosts[0]' },
  { name: 'Labels', type: 'string', jsonPath: '.spec.labels' },
  { name: 'Text', type: 'integer', jsonPath: '.spec.mode' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

const replicated: JSONSchemaProps = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer', format: 'int32', minimum: 0, maximum: 10, default: 1 },
        mode: { type: 'string', default: 'auto', enum: ['auto', 'manual', 'off'] },
        weight: { type: 'number' },
        on: { type: 'boolean' },
        since: { type: 'string', format: 'date-time' },
        hosts: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        labels: { type: 'object', additionalProperties: text },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            required: ['port'],
            properties: {
              port: integer,
              protocol: { type: 'string', default: 'TCP' },
              name: text,
            },
          },
        },
        whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: text },
        template: {
          type: 'object',
          default: { kind: 'none' },
          properties: { kind: text, size: { type: 'integer', default: 3 } },
        },
      },
    },
    status: {
      type: 'object',
      properties: {
        replicas: integer,
        selector: text,
        conditions: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          items: {
            type: 'object',
            required: ['type', 'status'],
            properties: {
              type: text,
              status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
              message: text,
            },
          },
        },
      },
    },
  },
};

export const shapes = {
  value: shape('Value', [{ name: 'v1', schema: withSpec(values) }]),
  format: shape('Format', [
    {
      name: 'v1',
      schema: withSpec(
        Object.fromEntries(formats.map((format) => [formatField(format), { type: 'string', format }])),
      ),
    },
  ]),
  rule: shape('Rule', [{ name: 'v1', schema: rules }]),
  replica: shape('Replica', [
    {
      name: 'v1',
      schema: replicated,
      more: {
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        additionalPrinterColumns: columns,
        selectableFields: [
          { jsonPath: '.spec.mode' },
          { jsonPath: '.spec.replicas' },
          { jsonPath: '.spec.on' },
        ],
      },
    },
  ]),
  loose: shape(
    'Loose',
    [{ name: 'v1', schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }],
    false,
  ),
  version: shape('Version', [
    {
      name: 'v1',
      schema: withSpec({ a: { type: 'string', default: 'one' }, b: integer }, { required: ['b'] }),
      more: { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }] },
    },
    {
      name: 'v1beta1',
      schema: withSpec({
        a: { type: 'string', default: 'beta' },
        c: integer,
        d: { type: 'integer', default: 7 },
      }),
      more: { deprecated: true },
    },
    {
      name: 'v1alpha1',
      schema: withSpec({ a: text }),
      more: { deprecated: true, deprecationWarning: 'v1alpha1 goes: use v1' },
    },
    { name: 'v2', schema: withSpec({ a: text }), more: { served: false } },
  ]),
} as const satisfies Record<string, Shape>;
