import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '../registry.ts';
import { watched } from '../testing/watched.ts';
import { applyJsonPatch, applyMergePatch } from './json-patch.ts';
import { PatchError } from './patch-error.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';
import type { JsonObject } from './structure.ts';

const pod = registry.lookup('', 'v1', 'pods')?.schema;
const deployment = registry.lookup('apps', 'v1', 'deployments')?.schema;

const cases: readonly { name: string; original: JsonObject; patch: JsonObject; expected: JsonObject }[] = [
  {
    name: 'containers merge by name and keep what the patch does not mention',
    original: {
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:1', tty: true },
        ],
      },
    },
    patch: { spec: { containers: [{ name: 'b', image: 'b:2' }] } },
    expected: {
      spec: {
        containers: [
          { name: 'a', image: 'a:1' },
          { name: 'b', image: 'b:2', tty: true },
        ],
      },
    },
  },
  {
    name: 'an item is deleted by its directive',
    original: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    expected: { spec: { containers: [{ name: 'b' }] } },
  },
  {
    name: 'a list is replaced whole by its directive',
    original: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: { spec: { containers: [{ name: 'c', image: 'c' }, { $patch: 'replace' }] } },
    expected: { spec: { containers: [{ name: 'c', image: 'c' }] } },
  },
  {
    name: 'a new item comes before those that are there, unless the patch names one of them before it',
    original: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: {
      spec: {
        containers: [
          { name: 'b', tty: true },
          { name: 'c', image: 'c' },
        ],
      },
    },
    expected: {
      spec: { containers: [{ name: 'a' }, { name: 'b', tty: true }, { name: 'c', image: 'c' }] },
    },
  },
  {
    name: 'a new item alone is the first',
    original: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: { spec: { containers: [{ name: 'c', image: 'c' }] } },
    expected: { spec: { containers: [{ name: 'c', image: 'c' }, { name: 'a' }, { name: 'b' }] } },
  },
  {
    name: 'an order sorts the items that it names, and the others stay before those that they stood before',
    original: { spec: { containers: [{ name: 'a' }, { name: 'server-added' }, { name: 'b' }] } },
    patch: {
      spec: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }, { name: 'a' }],
        containers: [{ name: 'c', image: 'c' }],
      },
    },
    expected: {
      spec: {
        containers: [{ name: 'c', image: 'c' }, { name: 'server-added' }, { name: 'b' }, { name: 'a' }],
      },
    },
  },
  {
    name: 'lists without a merge strategy are replaced',
    original: { spec: { containers: [{ name: 'a', command: ['x', 'y'] }] } },
    patch: { spec: { containers: [{ name: 'a', command: ['z'] }] } },
    expected: { spec: { containers: [{ name: 'a', command: ['z'] }] } },
  },
  {
    name: 'finalizers merge as a set and shrink by their directive',
    original: { metadata: { finalizers: ['a', 'b'] } },
    patch: { metadata: { finalizers: ['c'], '$deleteFromPrimitiveList/finalizers': ['a'] } },
    expected: { metadata: { finalizers: ['c', 'b'] } },
  },
  {
    name: 'an item that is to replace replaces the list, and is no item of it',
    original: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    patch: { spec: { containers: [{ name: 'a', $patch: 'replace' }, { name: 'c' }] } },
    expected: { spec: { containers: [{ name: 'c' }] } },
  },
  {
    name: 'a directive in a list that is taken whole, and in an item that is new, is a field like others',
    original: { spec: { tolerations: [{ key: 'a' }], containers: [{ name: 'a' }] } },
    patch: {
      spec: {
        tolerations: [{ $patch: 'replace' }, { key: 'b' }],
        containers: [{ name: 'b', env: [{ name: 'x', $patch: 'delete' }] }],
      },
    },
    expected: {
      spec: {
        tolerations: [{ $patch: 'replace' }, { key: 'b' }],
        containers: [{ name: 'b', env: [{ name: 'x', $patch: 'delete' }] }, { name: 'a' }],
      },
    },
  },
  {
    name: 'where nothing was, what is set is taken without nulls and without what has a directive',
    original: {},
    patch: {
      metadata: { labels: { a: null, b: 'c' }, annotations: { $patch: 'replace', a: 'b' } },
      spec: {
        containers: [
          { image: 'x', command: null },
          { name: 'a', $patch: 'delete' },
        ],
      },
    },
    expected: { metadata: { labels: { b: 'c' } }, spec: { containers: [{ image: 'x' }] } },
  },
  {
    name: 'what is to go from what is no list, or is no list itself, goes from nothing',
    original: { metadata: { finalizers: ['a'] } },
    patch: {
      metadata: { '$deleteFromPrimitiveList/finalizers': 'a', '$deleteFromPrimitiveList/none': ['a'] },
    },
    expected: { metadata: { finalizers: ['a'] } },
  },
  {
    name: 'null deletes a field and an entry of a map',
    original: { metadata: { labels: { a: '1', b: '2' } }, spec: { nodeName: 'n' } },
    patch: { metadata: { labels: { a: null } }, spec: { nodeName: null } },
    expected: { metadata: { labels: { b: '2' } }, spec: {} },
  },
];

for (const { name, original, patch, expected } of cases) {
  test(name, () => {
    const before = structuredClone(original);
    assert.deepEqual(applyStrategicMergePatch(original, patch, pod), expected);
    assert.deepEqual(original, before);
  });
}

test('retained keys clear the other members of a union', () => {
  const original = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
  const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  assert.deepEqual(applyStrategicMergePatch(original, patch, deployment), {
    spec: { strategy: { type: 'Recreate' } },
  });
});

test('keys to retain are looked at as often as there are some, and not once for each key of the patch', () => {
  const [few = 0, many = 0] = [500, 2_000].map((count) => {
    const names = Array.from({ length: count }, (_, i) => `k${i}`);
    const retained = watched(names.toReversed());
    const set = Object.fromEntries(names.map((name) => [name, 'x']));
    const patch = { metadata: { annotations: { $retainKeys: retained.tree, ...set } } };
    const original = { metadata: { annotations: { gone: 'x' } } };
    assert.deepEqual(applyStrategicMergePatch(original, patch, pod), { metadata: { annotations: set } });
    return retained.looks() / count;
  });
  assert.ok(many < 2 * few, `${few} and ${many} looks at each`);
});

test('a list is gone through once for each of its directives, and no item as often as there are others of its key', () => {
  const finalizers = ['a/b', 'c/d'];
  const original = { metadata: { finalizers }, spec: { containers: [{ name: 'a', image: 'c' }] } };
  const refused: readonly (readonly [JsonObject, string])[] = [
    [
      { metadata: { '$setElementOrder/finalizers': finalizers, '$setElementOrder1/finalizers': finalizers } },
      'invalid patch format of setElementOrder list',
    ],
    [
      {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['a/b'],
          '$deleteFromPrimitiveList1/finalizers': ['c/d'],
        },
      },
      'invalid patch format of primitive list',
    ],
    [
      { spec: { containers: Array.from({ length: 100 }, (_, i) => ({ name: 'a', [`f${i}`]: 'x' })) } },
      'too many items of a list in the patch have the name a',
    ],
  ];
  for (const [patch, message] of refused)
    assert.throws(() => applyStrategicMergePatch(original, patch, pod), { code: 400, message });
  const alike = Array.from({ length: 1_000 }, () => ({ name: 'a', image: 'b' }));
  assert.deepEqual(applyStrategicMergePatch(original, { spec: { containers: alike } }, pod), {
    ...original,
    spec: { containers: [{ name: 'a', image: 'b' }] },
  });
  const twice = [
    { name: 'a', image: 'b' },
    { name: 'a', tty: true },
  ];
  assert.deepEqual(applyStrategicMergePatch({}, { spec: { containers: twice } }, pod), {
    spec: { containers: twice },
  });
  assert.deepEqual(applyStrategicMergePatch(original, { spec: { containers: twice } }, pod), {
    ...original,
    spec: { containers: [{ name: 'a', image: 'b', tty: true }] },
  });
});

test('a strategic patch without the merge key, or of the wrong shape, is refused with its reason', () => {
  assert.throws(() => applyStrategicMergePatch({}, [], pod), PatchError);
  const original = {
    metadata: { labels: { a: 'b' }, finalizers: ['x'] },
    spec: { containers: [{ name: 'a', image: 'b' }] },
  };
  const wrong: readonly (readonly [JsonObject, string])[] = [
    [
      { spec: { containers: [{ image: 'x' }] } },
      'map: map[image:x] does not contain declared merge key: name',
    ],
    [{ spec: { containers: ['x'] } }, 'list element types are not identical: [[map[image:b name:a]] [x]]'],
    [{ metadata: { finalizers: [1] } }, 'list element types are not identical: [[x] [1]]'],
    [
      { metadata: { '$deleteFromPrimitiveList/finalizers': [1] } },
      'list element types are not identical: [[x] [1]]',
    ],
    [{ metadata: { finalizers: [[]] } }, 'list element types are not identical: [[x] [[]]]'],
    [{ metadata: { $patch: 'burn' } }, 'unknown patch type: burn in map: map[$patch:burn]'],
    [{ metadata: { labels: { $patch: 'merge' } } }, 'unknown patch type: merge in map: map[$patch:merge]'],
    [
      { spec: { containers: [{ name: 'a', $patch: 'merge' }] } },
      'merging lists cannot yet be specified in the patch',
    ],
    [{ spec: { '$setElementOrder/containers': 'a' } }, 'expected a []interface {}, but received a string'],
    [
      { spec: { '$setElementOrder/containers': ['a'], containers: [{ name: 'a' }] } },
      'expected a map[string]interface {}, but received a string',
    ],
    [
      { spec: { '$setElementOrder/containers': [{ a: 1 }], containers: [{ name: 'a' }] } },
      'map: map[a:1] does not contain declared merge key: name',
    ],
    [
      { spec: { '$setElementOrder/none': [] } },
      'unable to find api field in struct PodSpec for the json field "none"',
    ],
    [{ spec: { $setElementOrder: [] } }, 'invalid patch format of setElementOrder list'],
    [{ spec: { $retainKeys: 'a' } }, 'invalid patch format of retainKeys'],
    [{ spec: { $retainKeys: ['a'], hostname: 'b' } }, 'invalid patch format of retainKeys'],
  ];
  for (const [patch, message] of wrong)
    assert.throws(
      () => applyStrategicMergePatch(original, patch, pod),
      (error) => error instanceof PatchError && error.code === 400 && error.message === message,
      message,
    );
});

test('keys that name a prototype are plain data', () => {
  const patch = JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}') as JsonObject;
  for (const result of [
    applyStrategicMergePatch({ metadata: {} }, patch, pod),
    applyMergePatch({ metadata: {} }, patch),
  ]) {
    assert.equal(JSON.stringify(result), '{"metadata":{"labels":{"__proto__":"x"}}}');
  }
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
  assert.throws(() => applyJsonPatch({ a: {} }, [{ op: 'add', path: '/__proto__/x', value: 1 }]), PatchError);
});

test('a JSON patch that does not fit is refused and leaves the object alone', () => {
  const original = { a: 1 };
  assert.deepEqual(
    applyJsonPatch(original, [
      { op: 'test', path: '/a', value: 1 },
      { op: 'replace', path: '/a', value: 2 },
    ]),
    { a: 2 },
  );
  assert.throws(
    () =>
      applyJsonPatch(original, [
        { op: 'add', path: '/b', value: 1 },
        { op: 'test', path: '/a', value: 5 },
      ]),
    { code: 422 },
  );
  assert.throws(() => applyJsonPatch(original, { op: 'add' }), { code: 400 });
  // The whole, or a part, moved below itself would be a circle.
  for (const from of ['', '/m'])
    assert.throws(
      () => applyJsonPatch({ m: { n: {} } }, [{ op: 'move', from, path: '/m/n' }]),
      { code: 422 },
      `from "${from}"`,
    );
  assert.throws(
    () =>
      applyJsonPatch(
        original,
        Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 })),
      ),
    { code: 413 },
  );
  assert.throws(() => applyJsonPatch(original, [{ op: 'replace', path: '', value: 5 }]), { code: 422 });
  assert.deepEqual(original, { a: 1 });
});

test('a JSON patch that replaces a member which is not there adds it, and fails where there is no object for it', () => {
  const object = { data: { a: '1' }, list: ['x'] };
  const replace = (path: string) => applyJsonPatch(object, [{ op: 'replace', path, value: 'y' }]);
  assert.deepEqual(replace('/data/b'), { ...object, data: { a: '1', b: 'y' } });
  assert.deepEqual(replace('/data/a~1b'), { ...object, data: { a: '1', 'a/b': 'y' } });
  assert.deepEqual(replace('/list/0'), { ...object, list: ['y'] });
  for (const path of ['/labels/b', '/list/5', '/data/a/b', '/__proto__/b'])
    assert.throws(() => replace(path), { name: 'PatchError', code: 422 }, path);
});

test('an order that does not have what the patch sets is refused as upstream does', () => {
  const of = (...names: readonly string[]): JsonObject => ({
    spec: {
      '$setElementOrder/containers': names.map((name) => ({ name })),
      containers: [
        { name: 'three', image: 'x' },
        { name: 'gone', $patch: 'delete' },
      ],
    },
  });
  const original = { spec: { containers: [{ name: 'gone-not' }, { name: 'gone' }] } };
  assert.throws(() => applyStrategicMergePatch(original, of('two'), pod), {
    message:
      "The order in patch list:\n[map[image:x name:three] map[$patch:delete name:gone]]\n doesn't match $setElementOrder list:\n[map[name:two]]\n",
  });
  assert.deepEqual(applyStrategicMergePatch(original, of('two', 'three'), pod), {
    spec: { containers: [{ name: 'three', image: 'x' }, { name: 'gone-not' }] },
  });
});
