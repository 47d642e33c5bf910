/** Custom resources under definitions that change: what was right before may stay, columns of every type, and scales by labels. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { withSortedCauses } from '../custom/causes.ts';
import {
  definitions,
  get,
  group,
  inTurn,
  makeDefinition,
  namespace,
  patch,
  post,
  put,
  tables,
} from './world.ts';

type Json = Record<string, unknown>;

const text = { type: 'string' };

function definition(kind: string, schema: Json, more: Json = {}) {
  const plural = `${kind.toLowerCase()}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }],
    },
  };
}
const pathOf = (kind: string): string => `/apis/${group}/v1/namespaces/${namespace}/${kind.toLowerCase()}s`;

export async function definitionSection(comparison: Comparison): Promise<void> {
  await ratchets(comparison);
  await columns(comparison);
}

const loose: Json = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        a: text,
        b: text,
        n: { type: 'integer' },
        set: { type: 'array', items: text },
        keyed: { type: 'array', items: { type: 'object', properties: { name: text, v: text } } },
        map: { type: 'object', additionalProperties: text },
        inner: { type: 'object', properties: { x: text, y: text } },
      },
    },
    status: { type: 'object', properties: { phase: text, count: { type: 'integer' } } },
  },
};
const rule = (expression: string, message: string): Json => ({
  'x-kubernetes-validations': [{ rule: expression, message }],
});
const tight: Json = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: 'string', maxLength: 3 },
        b: { type: 'string', enum: ['x', 'y'] },
        n: { type: 'integer', maximum: 5, ...rule('self != 4', 'not 4') },
        set: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 3, pattern: '^[a-z]*$' } },
        keyed: {
          type: 'array',
          maxItems: 10,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', maxLength: 20 }, v: { type: 'string', maxLength: 3 } },
          },
        },
        map: { type: 'object', additionalProperties: { type: 'string', maxLength: 3 } },
        inner: {
          type: 'object',
          required: ['x', 'y'],
          properties: { x: { type: 'string', maxLength: 50 }, y: text },
          ...rule("!has(self.x) || self.x.startsWith('x')", 'begins with x'),
        },
      },
    },
    status: {
      type: 'object',
      properties: {
        phase: { type: 'string', enum: ['Ready'] },
        count: { type: 'integer', minimum: 0 },
      },
    },
  },
};

/** What stays as it was is not held against an update, although the definition has become stricter. */
async function ratchets(comparison: Comparison): Promise<void> {
  const path = pathOf('Ratchet');
  const at = `${path}/old`;
  const status = { subresources: { status: {} } };
  await makeDefinition(comparison, definition('Ratchet', loose, status), path);
  const old = {
    a: 'too long',
    b: 'z',
    n: 9,
    set: ['ok', 'TOO', 'much too long'],
    keyed: [
      { name: 'one', v: 'too long' },
      { name: 'two', v: 'ok' },
    ],
    map: { a: 'too long', b: 'ok' },
    inner: { x: 'wrong' },
  };
  const body = { apiVersion: `${group}/v1`, kind: 'Ratchet', metadata: { name: 'old' }, spec: old };
  await comparison.both('old', post(`${path}?fieldManager=maker`, body));
  await comparison.both(
    'old status',
    patch('merge', `${at}/status`, { status: { phase: 'Old', count: -1 } }),
  );
  await comparison.both('stricter', (side) => {
    void side;
    return patch('json', `${definitions}/ratchets.${group}`, [
      { op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value: tight },
    ]);
  });
  await comparison.settle(
    'it is stricter',
    post(`${path}?dryRun=All`, { ...body, metadata: { name: 'probe' }, spec: { a: 'too long' } }),
    ({ status: code }) => code === 422,
  );
  const spec = (more: Json): SidedCall => patch('merge', `${at}?dryRun=All`, { spec: more });
  const calls: Readonly<Record<string, SidedCall>> = {
    'made anew': post(`${path}?dryRun=All`, { ...body, metadata: { name: 'new' } }),
    'labels alone': patch('merge', `${at}?dryRun=All`, { metadata: { labels: { a: 'b' } } }),
    'a made right': spec({ a: 'ok' }),
    'a made wrong otherwise': spec({ a: 'still too long' }),
    'a taken away': spec({ a: null }),
    'b changed': spec({ b: 'x' }),
    'b changed wrongly': spec({ b: 'w' }),
    'n changed to what a rule forbids': spec({ n: 4 }),
    'n changed wrongly': spec({ n: 10 }),
    'an item more': spec({ set: [...old.set, 'new'] }),
    'an item less': spec({ set: ['ok', 'TOO'] }),
    'items in another order': spec({ set: ['much too long', 'ok', 'TOO'] }),
    'an item that is wrong': spec({ set: [...old.set, 'WRONG'] }),
    'a keyed item more': spec({ keyed: [...old.keyed, { name: 'three', v: 'x' }] }),
    'a keyed item that is wrong': spec({ keyed: [...old.keyed, { name: 'three', v: 'too long' }] }),
    'keyed items in another order': spec({ keyed: [...old.keyed].reverse() }),
    'a keyed item changed': spec({
      keyed: [
        { name: 'one', v: 'too long' },
        { name: 'two', v: 'new' },
      ],
    }),
    'a keyed item changed wrongly': spec({
      keyed: [
        { name: 'one', v: 'longer' },
        { name: 'two', v: 'ok' },
      ],
    }),
    'a keyed item twice': spec({ keyed: [{ name: 'one' }, { name: 'one' }] }),
    'a value more': spec({ map: { c: 'x' } }),
    'a value changed wrongly': spec({ map: { b: 'too long' } }),
    'a value as it was under another name': spec({ map: { a: null, d: 'too long' } }),
    'inner given what it needs': spec({ inner: { x: 'xx', y: 'y' } }),
    'inner changed elsewhere': spec({ inner: { y: 'y' } }),
    'inner changed wrongly': spec({ inner: { x: 'other' } }),
    'inner gone': spec({ inner: null }),
    'status as it was with more': patch('merge', `${at}/status?dryRun=All`, { status: { count: -1 } }),
    'status changed': patch('merge', `${at}/status?dryRun=All`, { status: { phase: 'Ready' } }),
    'status changed wrongly': patch('merge', `${at}/status?dryRun=All`, { status: { phase: 'What' } }),
    'status with a count that is right': patch('merge', `${at}/status?dryRun=All`, { status: { count: 3 } }),
    'status by labels': patch('merge', `${at}/status?dryRun=All`, { metadata: { labels: { a: 'b' } } }),
    'applied as it is': patch('apply', `${at}?fieldManager=applier&dryRun=All`, body),
    'applied with a change': patch('apply', `${at}?fieldManager=applier&force=true&dryRun=All`, {
      ...body,
      spec: { a: 'ok' },
    }),
    'applied with a wrong change': patch('apply', `${at}?fieldManager=applier&force=true&dryRun=All`, {
      ...body,
      spec: { a: 'wrong again' },
    }),
    'put as it is': (side) => put(`${at}?dryRun=All`, side.saw('old')),
    'put with another spec': (side) => put(`${at}?dryRun=All`, { ...side.saw('old'), spec: { a: 'ok' } }),
    'deleted in a rehearsal': { method: 'DELETE', path: `${at}?dryRun=All` },
  };
  for (const [title, call] of Object.entries(calls)) await comparison.compare(title, call, withSortedCauses);
}

async function columns(comparison: Comparison): Promise<void> {
  const path = pathOf('Column');
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const column = (name: string, type: string, jsonPath: string, more: Json = {}): Json => ({
    name,
    type,
    jsonPath,
    ...more,
  });
  const types = ['string', 'integer', 'number', 'boolean', 'date'];
  const additionalPrinterColumns = [
    ...types.map((type) => column(`v-${type}`, type, '.spec.v')),
    ...types.map((type) => column(`all-${type}`, type, '.spec.list[*]')),
    column('first', 'string', '.spec.list[0]'),
    column('last', 'string', '.spec.list[-1]'),
    column('slice', 'string', '.spec.list[0:2]'),
    column('quoted', 'string', '.spec.map.a\\.b/c'),
    column('bracket', 'string', ".spec.map['a.b/c']"),
    column('escaped bracket', 'string', ".spec.map['a\\.b/c']"),
    column('filter', 'string', '.spec.items[?(@.name=="b")].v'),
    column('greater', 'string', '.spec.items[?(@.n>1)].name'),
    column('any', 'string', '.spec.items[*].name'),
    column('object', 'string', '.spec.map'),
    column('absent', 'string', '.spec.none.at.all'),
    column('wide', 'string', '.metadata.name', { priority: 1, format: 'byte', description: 'A name.' }),
    column('labels', 'string', '.metadata.labels'),
    column('label', 'string', '.metadata.labels.app\\.kubernetes\\.io/name'),
    column('generation', 'integer', '.metadata.generation', { format: 'int64' }),
    column('age', 'date', '.metadata.creationTimestamp'),
    column('kind', 'string', '.kind'),
  ];
  await makeDefinition(
    comparison,
    definition(
      'Column',
      { type: 'object', properties: { spec: open, status: open } },
      { additionalPrinterColumns },
    ),
    path,
  );
  const values: readonly unknown[] = [
    undefined,
    null,
    '',
    'text',
    '7',
    'true',
    '2020-01-02T03:04:05Z',
    '2020-01-02',
    7,
    -7,
    7.5,
    1e21,
    123_456_789_012,
    true,
    false,
    [],
    ['a', 1, true, null, { b: 'c' }],
    {},
    { b: 1, a: ['x'] },
  ];
  const calls: Record<string, SidedCall> = {};
  for (const [i, v] of values.entries())
    calls[`value ${i}`] = post(path, {
      apiVersion: `${group}/v1`,
      kind: 'Column',
      metadata: { name: `v-${i}`, labels: { 'app.kubernetes.io/name': `n${i}` } },
      spec: {
        ...(v === undefined ? {} : { v, list: [v, 'x', v] }),
        map: { 'a.b/c': 'dotted', z: 1 },
        items: [
          { name: 'a', v: 1, n: 1 },
          { name: 'b', v, n: 2 },
          { name: 'c', n: 3 },
        ],
      },
    });
  await inTurn(comparison, calls);
  for (const [i] of values.entries())
    await comparison.compare(`row ${i}`, get(`${path}/v-${i}?includeObject=None`, tables));
  await comparison.compare('all rows', get(`${path}?includeObject=Metadata`, tables));
}
