import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { registry } from '../registry.ts';
import { difference, type FieldPath, FieldSet, fieldSetOf, intersection, union } from './field-set.ts';
import { applyConfiguration, trackUpdate } from './managed-fields.ts';
import { pruneApplied } from './prune-applied.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';
import { fieldsOf, itemElement, shapeOf } from './structured-merge.ts';
import { isObject, type JsonObject, type JsonValue, member, type Structure } from './structure.ts';

const deployments = registry.lookup('apps', 'v1', 'deployments')?.schema;
const services = registry.lookup('', 'v1', 'services')?.schema;

const context = (manager: string, structure: Structure | undefined, apiVersion = 'apps/v1') => ({
  structure,
  manager,
  apiVersion,
  subresource: '',
  time: '2026-01-01T00:00:00Z',
  reset: fieldSetOf(['f:status']),
});

function deployment(containers: readonly JsonObject[]): JsonObject {
  const spec = { template: { spec: { containers: [...containers] } } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec };
}

function containersOf(object: JsonObject): unknown {
  return (object as { spec?: { template?: { spec?: { containers?: unknown } } } }).spec?.template?.spec
    ?.containers;
}

const x = { name: 'x', image: 'x:1' };
const y = { name: 'y', image: 'y:1' };

test('an item goes with its applier, whoever changed a part of it', () => {
  const live = applyConfiguration(undefined, deployment([x, y]), context('a', deployments), false);
  const patched = applyStrategicMergePatch(live, deployment([{ name: 'x', image: 'x:2' }]), deployments);
  const set = trackUpdate(live, patched, context('set', deployments));
  const again = applyConfiguration(set, deployment([y]), context('a', deployments), false);
  assert.deepEqual(containersOf(again), [y]);
  const entries = (again['metadata'] as { managedFields: { manager: string }[] }).managedFields;
  assert.deepEqual(
    entries.map(({ manager }) => manager),
    ['a'],
  );
});

test('an item goes with its applier when somebody added to it', () => {
  const live = applyConfiguration(undefined, deployment([x, y]), context('a', deployments), false);
  const patch = deployment([{ name: 'y', env: [{ name: 'A', value: '1' }] }]);
  const patched = applyStrategicMergePatch(live, patch, deployments);
  const set = trackUpdate(live, patched, context('set', deployments));
  const z = { name: 'z', image: 'z:1' };
  const again = applyConfiguration(set, deployment([z]), context('a', deployments), false);
  assert.deepEqual(containersOf(again), [z]);
});

test('an item stays that somebody else applies, too', () => {
  let live = applyConfiguration(undefined, deployment([x, y]), context('a', deployments), false);
  live = applyConfiguration(live, deployment([{ name: 'x' }]), context('b', deployments), false);
  live = applyConfiguration(live, deployment([y]), context('a', deployments), false);
  assert.deepEqual(containersOf(live), [{ name: 'x' }, y]);
});

test('a port of a Service goes with its applier, whoever set where it leads', () => {
  const service = (ports: readonly JsonObject[]): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ports: [...ports] },
  });
  const of = (manager: string) => context(manager, services, 'v1');
  const live = applyConfiguration(undefined, service([{ port: 80, protocol: 'TCP' }]), of('a'), false);
  const patched = applyStrategicMergePatch(live, service([{ port: 80, targetPort: 8080 }]), services);
  const set = trackUpdate(live, patched, of('set'));
  const again = applyConfiguration(set, service([{ port: 90, protocol: 'TCP' }]), of('a'), false);
  assert.deepEqual((again['spec'] as JsonObject)['ports'], [{ port: 90, protocol: 'TCP' }]);
});

test('what nobody knows by a schema is owned entry by entry', () => {
  const loose = {
    ...context('a', undefined, 'example.com/v1'),
    reset: fieldSetOf(['f:metadata']),
  };
  const object = (spec: JsonObject): JsonObject => ({ apiVersion: 'example.com/v1', kind: 'Loose', spec });
  const live = applyConfiguration(undefined, object({ part: { a: 1, b: 2 }, c: 3 }), loose, false);
  const set = trackUpdate(
    live,
    { ...live, spec: { part: { a: 5, b: 2 }, c: 3 } },
    { ...loose, manager: 'b' },
  );
  const again = applyConfiguration(set, object({ c: 3 }), loose, false);
  assert.deepEqual(again['spec'], { c: 3 });
});

/** Upstream's own steps, one after the other, on whole sets. */
function prunedInSteps(merged: JsonValue, last: FieldSet, owned: FieldSet, structure: Structure | undefined) {
  const named = (set: FieldSet): FieldSet => withNamedFields(set, structure);
  const all = named(fieldsOf(merged, structure));
  const taken = without(merged, named(last), structure);
  const kept = union(named(fieldsOf(taken ?? {}, structure)), named(owned));
  const withOwned = without(merged, difference(all, kept), structure);
  const gone = difference(all, named(fieldsOf(withOwned ?? {}, structure)));
  return without(merged, intersection(gone, named(last)), structure);
}

function withNamedFields(set: FieldSet, structure: Structure | undefined): FieldSet {
  const result = new FieldSet();
  for (const element of set.members) result.add(element);
  for (const [element, child] of set.children) {
    const part = element.startsWith('f:') ? member(structure, element.slice(2)) : structure?.items;
    if (element.startsWith('f:') && structure?.kind === 'object' && part !== undefined) result.add(element);
    result.setChild(element, withNamedFields(child, part));
  }
  return result;
}

function without(value: JsonValue, gone: FieldSet, structure: Structure | undefined): JsonValue {
  const below = (element: string, part: JsonValue, partStructure: Structure | undefined): JsonValue[] => {
    if (gone.members.has(element)) return [];
    const child = gone.children.get(element);
    return [child === undefined || child.empty ? part : without(part, child, partStructure)];
  };
  const shape = shapeOf(structure, value);
  if (shape === 'object' && isObject(value) && Object.keys(value).length > 0) {
    const left = Object.entries(value).flatMap(([key, part]) =>
      below(`f:${key}`, part, member(structure, key)).map((kept) => [key, kept]),
    );
    return left.length === 0 ? null : (Object.fromEntries(left) as JsonObject);
  }
  if (shape === 'associative' && Array.isArray(value) && value.length > 0) {
    const left = value.flatMap((item) => below(itemElement(structure, item), item, structure?.items));
    return left.length === 0 ? null : left;
  }
  return value;
}

const plain = { noNullPrototype: true };
// A list without items is none here: nobody writes one down.
const few = { minLength: 1, maxLength: 2 };
const named = fc.constantFrom('x', 'y', 'z');
const map = fc.dictionary(named, fc.constantFrom('1'), { maxKeys: 2, ...plain });
const value = fc.constantFrom('1', '2');
const env = fc.uniqueArray(fc.record({ name: named, value }, plain), {
  ...few,
  selector: ({ name }) => name,
});
const resources = fc.record({ limits: map }, plain);
const container = fc.record(
  { name: named, image: value, env, args: fc.array(named, few), resources },
  { requiredKeys: ['name'], ...plain },
);
const containers = fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1, maxLength: 3 });
const some = { requiredKeys: [], ...plain };
const template = fc.record({ spec: fc.record({ containers }, some) }, plain);
const finalizers = fc.uniqueArray(named, few);
const object: fc.Arbitrary<JsonObject> = fc.record(
  {
    metadata: fc.record({ labels: map, finalizers }, some),
    spec: fc.record({ replicas: fc.nat(2), paused: fc.boolean(), template }, some),
  },
  some,
);

/** Some of the fields of an object, parts of items without the items among them. What tells an item comes with it. */
const someFields = fc.tuple(object, fc.infiniteStream(fc.boolean())).map(([all, random]) => {
  const chosen = new Set<string>();
  const choose = (path: FieldPath): boolean => {
    const isChosen =
      path.at(-1) === 'f:name' ? chosen.has(path.slice(0, -1).join()) : random.next().value === true;
    if (isChosen) chosen.add(path.join());
    return isChosen;
  };
  return fieldSetOf(...[...fieldsOf(all, deployments).paths()].filter(choose));
});

test('one walk takes away what the three steps of upstream take away', () => {
  fc.assert(
    fc.property(object, someFields, someFields, (merged, last, owned) => {
      assert.deepEqual(
        pruneApplied(merged, last, owned, deployments) ?? {},
        prunedInSteps(merged, last, owned, deployments) ?? {},
      );
    }),
    { numRuns: 500 },
  );
});
