/** The short ways to a creator's and an applier's fields against the long ones, over every kind and over random objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { messageSchema } from '../schema.ts';
import { difference, fieldSetOf, recursiveDifference, toFieldsV1 } from './field-set.ts';
import { configuredFieldsV1, ownedFieldsV1 } from './owned-fields.ts';
import { pruneApplied } from './prune-applied.ts';
import { compare, fieldsOf } from './structured-merge.ts';
import { jsonEqual, type JsonObject, type JsonValue, type Structure } from './structure.ts';

const unmanaged = fieldSetOf(['f:kind'], ['f:metadata', 'f:name'], ['f:metadata', 'f:uid']);
const reset = fieldSetOf(['f:status']);

function theLongWay(object: JsonObject, structure: Structure | undefined): JsonObject {
  const { added } = compare({}, object, structure);
  return toFieldsV1(recursiveDifference(recursiveDifference(added, unmanaged), reset));
}

function assertSame(object: JsonObject, structure: Structure | undefined): void {
  const fields = ownedFieldsV1(object, structure, [unmanaged, reset]) ?? {};
  assert.equal(JSON.stringify(fields), JSON.stringify(theLongWay(object, structure)));
  const set = recursiveDifference(recursiveDifference(fieldsOf(object, structure), unmanaged), reset);
  const configured = configuredFieldsV1(object, structure, [unmanaged, reset]);
  assert.equal(JSON.stringify(configured), JSON.stringify(toFieldsV1(set)));
  // Whoever sets the same as before gives nothing up: an apply need not look for it.
  assert.ok(jsonEqual(pruneApplied(object, set, set, structure), object));
}

const pod: JsonObject = {
  kind: 'Pod',
  metadata: {
    uid: 'u',
    name: 'n',
    labels: { b: '1', a: '2', '.': 'x', '': 'y' },
    annotations: {},
    finalizers: ['z', 'a'],
  },
  spec: {
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [
      { name: 'main', image: 'i', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] },
      { name: 'main', image: 'j' },
      { name: 'other', resources: { limits: { cpu: '1' } } },
    ],
    nodeSelector: {},
    tolerations: [{ key: 'a' }],
  },
  status: { phase: 'Running' },
};

test('a pod’s creator owns the same fields either way', () => {
  assertSame(pod, messageSchema('io.k8s.api.core.v1.Pod'));
  assertSame(pod, undefined);
  assertSame({ kind: 'Pod', metadata: { name: 'n' } }, messageSchema('io.k8s.api.core.v1.Pod'));
  assert.equal(ownedFieldsV1({ kind: 'Pod' }, undefined, [unmanaged, reset]), undefined);
});

test('so does the creator of any object, whatever its type says of lists and maps', () => {
  const keys = fc.constantFrom('a', 'b', 'name', 'kind', 'metadata', 'status', 'uid', '__proto__', '.', 'é');
  const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<JsonValue>(null, true, 0, 1, 'x', ''),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 4 }) as fc.Arbitrary<JsonValue>,
    ),
  }));
  const { structure } = fc.letrec<{ structure: Structure }>((tie) => ({
    structure: fc
      .record({
        kind: fc.constantFrom<Structure['kind']>('object', 'map', 'list', 'scalar', 'raw'),
        listType: fc.constantFrom<Structure['listType']>('atomic', 'set', 'map', undefined),
        mapType: fc.constantFrom<Structure['mapType']>('atomic', 'granular', undefined),
        pointer: fc.boolean(),
        omit: fc.constantFrom<Structure['omit']>('never', 'empty', 'zero'),
        below: fc.option(tie('structure'), { maxDepth: 3, nil: undefined }),
      })
      .map(({ below, ...own }) => ({
        ...own,
        listMapKeys: ['name'],
        items: below,
        values: below,
        field: (name: string) => (name === 'b' ? undefined : below),
      })),
  }));
  fc.assert(
    fc.property(
      fc.dictionary(keys, value, { maxKeys: 5 }),
      fc.option(structure, { nil: undefined }),
      (object, type) => {
        assertSame(object, type);
      },
    ),
    { numRuns: 500 },
  );
});

test('the comparison can fail', () => {
  const other = difference(compare({}, pod, undefined).added, fieldSetOf(['f:metadata', 'f:labels', 'f:a']));
  assert.notEqual(JSON.stringify(ownedFieldsV1(pod, undefined, [])), JSON.stringify(toFieldsV1(other)));
});
