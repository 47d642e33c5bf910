/** Each of many values in each property of a schema, as a creation and as an update of an object that lacks it. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { shown } from '../../mutations.ts';
import { withSortedCauses } from './causes.ts';
import { pathOf, shapes, values as properties } from './definitions.ts';

const plain: readonly unknown[] = [
  null,
  true,
  '',
  'x',
  'xy',
  'Large',
  'a b',
  '10%',
  '1.5Gi',
  'äö→😀',
  0,
  1,
  2,
  -1,
  0.5,
  1.5,
  2_147_483_648,
  1e30,
  [],
  ['a'],
  ['a', 'a'],
  [1, 2, 1],
  [null],
  [[]],
  {},
  { a: 'x' },
  { a: 1 },
  { a: 1, b: 6 },
  { a: 'xx', b: 1 },
  { a: null },
  { what: 1 },
  { 'no key!': 'x', '': 'y' },
];

/** Values for properties that nothing plain fits. */
const own: Readonly<Record<string, readonly unknown[]>> = {
  keyed: [
    [{ name: 'a' }],
    [{ name: 'a' }, { name: 'b', protocol: 'UDP', port: 1 }],
    [{ name: 'a' }, { name: 'a' }],
    [{ name: 'a' }, { name: 'a', protocol: 'TCP' }, { name: 'a', protocol: 'UDP' }],
    [{ protocol: 'TCP' }],
    [{ name: 1 }, { name: 1 }],
    [{ name: null }],
    [{ name: 'a', port: 'x', what: 1 }],
    ['a'],
    [{}, {}],
  ],
  maps: [
    { x: { a: 1 } },
    { x: {} },
    { x: { a: 1, c: 2 } },
    { x: null },
    { x: { a: 'y', b: 1 } },
    { 'a.b/c': {} },
  ],
  object: [
    { a: 'x', inner: {} },
    { a: 'x', inner: { c: 'y', d: 1 } },
    { b: 'x', inner: null },
    { a: 'x', b: null },
  ],
  open: [{ any: { thing: [1, null] } }, { a: 'x', b: null }],
  anything: [{ any: { thing: [1, null] } }],
  embedded: [
    { apiVersion: 'v1', kind: 'Pod' },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', what: 1 }, any: 1 },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 1 } },
    { apiVersion: 'v1', kind: 'Pod', metadata: 'x' },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'Not A Name!', labels: { 'no key!': 'x' } } },
    { apiVersion: 'v1', kind: 'Pod', metadata: { finalizers: ['x'], ownerReferences: [{}] } },
    { apiVersion: '', kind: '' },
    { apiVersion: 'a/b/c', kind: 'what ever' },
    { apiVersion: 1, kind: 'Pod' },
    { apiVersion: 'v1', kind: 2 },
    { kind: 'Pod' },
  ],
  known: [
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { a: 'x', b: 1 } },
    { apiVersion: 'v1', kind: 'Pod', status: {} },
  ],
  pattern: ['abc', 'a1'],
  quantity: ['1Gi', '1.5', '1 Gi'],
  short: ['abc', 'abcd', 'äöü', '😀😀😀😀'],
  few: [['a', 'b', 'c']],
  small: [{ a: 1, b: 2 }],
  alternatives: [{ a: 'x' }, { b: 4 }, { a: 'x', b: 5 }, { a: 1, b: 'x' }],
};

/** Bodies that are no JSON of an object, or whose numbers JavaScript does not know. */
const raw: readonly string[] = [
  '{"spec":{"integer":9007199254740993}}',
  '{"spec":{"integer":99999999999999999999}}',
  '{"spec":{"integer":1.0}}',
  '{"spec":{"integer":1e3}}',
  '{"spec":{"number":1.0}}',
  '{"spec":{"number":9007199254740993}}',
  '{"spec":{"text":"a","text":"b"}}',
  '{"spec":{"map":{"a":"a","a":"b"}},"spec":{}}',
  '{"spec":{"text":"\\u0000"}}',
  '{"spec":{"text":"\\ud800"}}',
  '{"spec":',
  '[]',
  'null',
  '"x"',
  '',
  '{}',
];

/** Whole objects. */
const objects: Readonly<Record<string, unknown>> = {
  'no spec': {},
  'a spec of another type': { spec: 'x' },
  'no object in spec': { spec: [] },
  'a spec of null': { spec: null },
  'unknown fields': { spec: { what: 1, object: { a: 'x', what: 2 }, list: ['a'] }, what: 3 },
  'many errors': {
    spec: {
      text: 1,
      flag: 'x',
      integer: 'y',
      choice: 'z',
      pattern: 'A',
      object: {},
      keyed: [{}, {}],
      few: [],
    },
  },
  'another kind': { kind: 'What' },
  'another version': { apiVersion: 'custom.example.com/v9' },
  'no kind': { kind: undefined },
  'no version': { apiVersion: undefined },
  'a kind of another type': { kind: 1 },
  'no name': { metadata: {} },
  'no metadata': { metadata: undefined },
  'metadata of another type': { metadata: 'x' },
  'a bad name': { metadata: { name: 'Not A Name!' } },
  'a generated name': { metadata: { generateName: 'Bad_Name' } },
  'a name of another type': { metadata: { name: 1 } },
  'another namespace': { metadata: { name: 'x', namespace: 'other' } },
  'a bad label': { metadata: { name: 'x', labels: { 'no key!': 'no value!' } } },
  'a label of another type': { metadata: { name: 'x', labels: { a: 1 } } },
  'a bad annotation': { metadata: { name: 'x', annotations: { 'no key!': 'x' } } },
  'a bad finalizer': { metadata: { name: 'x', finalizers: ['x', 'no finalizer!'] } },
  'a bad owner': { metadata: { name: 'x', ownerReferences: [{ name: 'x' }] } },
  'unknown metadata': { metadata: { name: 'x', what: 1 } },
  'a version given': { metadata: { name: 'x', resourceVersion: '1' } },
  'a uid given': {
    metadata: { name: 'x', uid: 'x', generation: 7, creationTimestamp: '2020-01-01T00:00:00Z' },
  },
  'a bad time': { metadata: { name: 'x', creationTimestamp: 'x' } },
  'a status': { status: { any: ['thing'] } },
};

export async function valueScript(comparison: Comparison): Promise<void> {
  const { value, loose } = shapes;
  const path = pathOf(value);
  const head = { apiVersion: 'custom.example.com/v1', kind: value.kind };
  const create = (body: unknown, query = ''): SidedCall => ({
    method: 'POST',
    path: `${path}?dryRun=All${query}`,
    body,
  });
  const calls: { title: string; call: SidedCall }[] = [];
  for (const name of Object.keys(properties))
    for (const one of [...plain, ...(own[name] ?? [])])
      calls.push({
        title: `${name} = ${shown(one)}`,
        call: create({ ...head, metadata: { name: 'x' }, spec: { [name]: one } }),
      });
  for (const body of raw) {
    const whole =
      body.startsWith('{"') && body.endsWith('}')
        ? body.replace('{', `{${JSON.stringify({ ...head, metadata: { name: 'x' } }).slice(1, -1)},`)
        : body;
    calls.push({ title: `raw ${body}`, call: create(whole) });
    calls.push({ title: `raw ${body}, strictly`, call: create(whole, '&fieldValidation=Strict') });
  }
  for (const [title, more] of Object.entries(objects))
    for (const validation of ['Warn', 'Strict', 'Ignore'])
      calls.push({
        title: `${title}, ${validation}`,
        call: create(
          { ...head, metadata: { name: 'x' }, ...(more as object) },
          `&fieldValidation=${validation}`,
        ),
      });
  await comparison.all(calls, withSortedCauses);
  await changes(comparison, path, head);
  await open(comparison, pathOf(loose));
}

/** Updates: what was wrong before may stay, what changes is looked at. */
async function changes(comparison: Comparison, path: string, head: object): Promise<void> {
  const spec = {
    text: 'x',
    short: 'abc',
    choice: 'x',
    list: ['a', 'b'],
    unique: ['a', 'b'],
    keyed: [{ name: 'a', port: 1 }],
    map: { a: 'x' },
    object: { a: 'x', b: 1 },
    either: { a: 'x' },
  };
  await comparison.compare('an object', {
    method: 'POST',
    path: `${path}?fieldManager=maker`,
    body: { ...head, metadata: { name: 'one' }, spec },
  });
  await comparison.compare('the same object', {
    method: 'POST',
    path,
    body: { ...head, metadata: { name: 'one' }, spec },
  });
  const patch = (body: unknown, type = 'merge-patch+json'): SidedCall => ({
    method: 'PATCH',
    path: `${path}/one?dryRun=All`,
    body,
    headers: { 'content-type': `application/${type}` },
  });
  const merges: readonly unknown[] = [
    { spec: { text: 'y' } },
    { spec: { text: 1 } },
    { spec: { short: 'abcd' } },
    { spec: { choice: 'What' } },
    { spec: { choice: null } },
    { spec: { list: ['b'] } },
    { spec: { unique: ['b', 'b'] } },
    { spec: { keyed: [{ name: 'a', port: 'x' }] } },
    { spec: { keyed: [{ name: 'a' }, { name: 'a' }] } },
    { spec: { map: { a: null, b: 1 } } },
    { spec: { object: { a: null } } },
    { spec: { object: null } },
    { spec: { either: { b: 1 } } },
    { spec: { what: 1 } },
    { spec: null },
    { what: 1 },
    { metadata: { labels: { 'no key!': 'x' } } },
    { metadata: { name: 'other' } },
    { metadata: { resourceVersion: '1' } },
    { metadata: { uid: 'other' } },
    { metadata: { finalizers: ['x'] } },
    { kind: 'What' },
    { apiVersion: 'custom.example.com/v9' },
    {},
    [],
    'x',
    null,
  ];
  for (const body of merges) await comparison.compare(`merge ${shown(body)}`, patch(JSON.stringify(body)));
  const operations: readonly unknown[] = [
    [{ op: 'replace', path: '/spec/text', value: 'y' }],
    [{ op: 'replace', path: '/spec/text', value: 1 }],
    [{ op: 'replace', path: '/spec/none', value: 'y' }],
    [{ op: 'add', path: '/spec/what', value: 'y' }],
    [{ op: 'remove', path: '/spec/list/7' }],
    [{ op: 'add', path: '/spec/list/-', value: 'c' }],
    [{ op: 'test', path: '/spec/text', value: 'z' }],
    [{ op: 'copy', from: '/spec/text', path: '/spec/list/0' }],
    [{ op: 'what', path: '/spec/text' }],
    {},
  ];
  for (const body of operations)
    await comparison.compare(`JSON patch ${shown(body)}`, patch(JSON.stringify(body), 'json-patch+json'));
  await comparison.compare('strategic merge', patch({ spec: { text: 'y' } }, 'strategic-merge-patch+json'));
  const put = (body: object): SidedCall => ({ method: 'PUT', path: `${path}/one?dryRun=All`, body });
  await comparison.compare('put without a version', put({ ...head, metadata: { name: 'one' }, spec }));
  await comparison.compare(
    'put with an old version',
    put({ ...head, metadata: { name: 'one', resourceVersion: '1' }, spec }),
  );
  await comparison.compare(
    'put with a bad version',
    put({ ...head, metadata: { name: 'one', resourceVersion: 'x' }, spec }),
  );
  await comparison.compare(
    'put under another name',
    put({ ...head, metadata: { name: 'two', resourceVersion: '1' }, spec }),
  );
  await comparison.compare('put of nothing', {
    method: 'PUT',
    path: `${path}/none?dryRun=All`,
    body: { ...head, metadata: { name: 'none', resourceVersion: '1' }, spec },
  });
  for (const [title, more] of Object.entries<object>({
    'a change': { ...spec, text: 'z' },
    nothing: {},
    'a wrong type': { ...spec, text: 1 },
    'an unknown field': { ...spec, what: 1 },
    'another list': { ...spec, keyed: [{ name: 'b' }, { name: 'a', port: 2 }] },
  }))
    await comparison.compare(`put of ${title}`, (side) => ({
      method: 'PUT',
      path: `${path}/one?dryRun=All&fieldManager=changer`,
      body: { ...side.saw('an object'), spec: more },
    }));
  for (const query of [
    '',
    'labelSelector=a%3Db',
    'fieldSelector=spec.text%3Dx',
    'fieldSelector=metadata.name%3Done',
    'limit=x',
    'watch=x',
  ])
    await comparison.compare(`list ?${query}`, { method: 'GET', path: `${path}?${query}` });
  for (const accept of [
    'application/json;as=Table;g=meta.k8s.io;v=v1',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/cbor',
  ])
    await comparison.compare(`get as ${accept}`, { method: 'GET', path: `${path}/one`, headers: { accept } });
  for (const one of [
    `GET ${path}/none`,
    `DELETE ${path}/none`,
    `GET ${path}/one/status`,
    `GET ${path}/one/scale`,
    `PUT ${path}/one/status`,
    `GET ${path}/one/what`,
    `POST ${path}/one`,
    `PUT ${path}`,
  ]) {
    const [method = '', at = ''] = one.split(' ');
    await comparison.compare(one, {
      method,
      path: at,
      ...(method === 'PUT' || method === 'POST' ? { body: {} } : {}),
    });
  }
  await comparison.compare('delete in a dry run', { method: 'DELETE', path: `${path}/one?dryRun=All` });
  await comparison.compare('delete', { method: 'DELETE', path: `${path}/one` });
}

/** A kind without a schema, of the whole cluster. */
async function open(comparison: Comparison, path: string): Promise<void> {
  const head = { apiVersion: 'custom.example.com/v1', kind: 'Loose' };
  const bodies: Readonly<Record<string, object>> = {
    'anything at all': { spec: { a: [1, null, { b: 'x' }] }, what: 'x', status: null },
    'a namespace': { metadata: { name: 'x', namespace: 'peer' } },
    'unknown metadata': { metadata: { name: 'x', what: 1 } },
    'bad metadata': { metadata: { name: 'x', labels: [] } },
  };
  for (const [title, more] of Object.entries(bodies))
    for (const validation of ['Warn', 'Strict'])
      await comparison.compare(`loose with ${title}, ${validation}`, {
        method: 'POST',
        path: `${path}?dryRun=All&fieldValidation=${validation}`,
        body: { ...head, metadata: { name: 'x' }, ...more },
      });
  await comparison.compare('loose in a namespace', {
    method: 'GET',
    path: '/apis/custom.example.com/v1/namespaces/peer/looses',
  });
  await comparison.compare('a loose object', {
    method: 'POST',
    path,
    body: { ...head, metadata: { name: 'l' }, spec: { list: [1], map: { a: 'x' } } },
  });
  for (const [title, spec] of Object.entries<unknown>({
    list: { list: [2] },
    map: { map: { b: 'y' } },
    'another type': { list: 'x', map: [1] },
    nothing: null,
  }))
    await comparison.compare(`apply ${title}`, {
      method: 'PATCH',
      path: `${path}/l?fieldManager=${title.slice(0, 3)}&dryRun=All`,
      body: { ...head, metadata: { name: 'l' }, spec },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
  await comparison.compare('the loose table', {
    method: 'GET',
    path,
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
  });
}
