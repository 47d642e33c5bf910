import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fieldSetOf, fromFieldsV1, union } from './field-set.ts';
import { applyConfiguration, type ManagementContext, trackUpdate } from './managed-fields.ts';
import { capUpdaters } from './manager-entries.ts';
import type { ManagerEntry } from './seen-changes.ts';
import type { JsonObject, JsonValue } from './structure.ts';

const early = '2026-01-01T00:00:00Z';
const late = '2026-01-01T00:00:02Z';

function context(manager: string, overrides: Partial<ManagementContext> = {}): ManagementContext {
  const reset = fieldSetOf(['f:status']);
  return {
    structure: undefined,
    manager,
    apiVersion: 'v1',
    subresource: '',
    time: early,
    reset,
    ...overrides,
  };
}

function map(data: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', ...metadata }, data };
}

function entriesOf(object: JsonObject): JsonObject[] | undefined {
  return (object['metadata'] as { managedFields?: JsonObject[] }).managedFields;
}

const owners = (object: JsonObject): string[] =>
  (entriesOf(object) ?? []).map((entry) => `${String(entry['manager'])}/${String(entry['operation'])}`);

/** The object as a client changes it, entries and all. */
function withEntries(object: JsonObject, managedFields: JsonValue): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), managedFields } };
}

test('what was applied from the client is made an apply by changing its entry', () => {
  const live = trackUpdate(undefined, map({ a: '1', b: '2' }), context('kubectl-client-side-apply'));
  const [entry] = entriesOf(live) ?? [];
  const moved = withEntries(live, [{ ...entry, manager: 'kubectl', operation: 'Apply' }]);
  const migrated = trackUpdate(live, moved, context('kubectl', { time: late }));
  assert.deepEqual(owners(migrated), ['kubectl/Apply']);
  assert.equal(entriesOf(migrated)?.[0]?.['time'], early);
  const applied = applyConfiguration(migrated, map({ a: '1' }), context('kubectl', { time: late }), false);
  assert.deepEqual(applied['data'], { a: '1' });
});

test('an empty list of entries and one empty entry leave nobody, even with a change', () => {
  const live = trackUpdate(undefined, map({ a: '1' }), context('a'));
  for (const nobody of [[], [{}]])
    assert.equal(entriesOf(trackUpdate(live, withEntries(map({ a: '2' }), nobody), context('b'))), undefined);
});

test('entries that cannot be read, and those of a subresource, are not looked at', () => {
  const live = trackUpdate(undefined, map({ a: '1' }), context('a'));
  const good: JsonObject = { ...entriesOf(live)?.[0], manager: 'b' };
  const bad: JsonObject[] = [
    { ...good, operation: 'Other' },
    { ...good, apiVersion: '' },
    { ...good, fieldsType: 'FieldsV2' },
    { ...good, fieldsV1: { 'k:{': {} } },
    { ...good, fieldsV1: { 'v:': {} } },
    { ...good, fieldsV1: { 'i:x': {} } },
    { ...good, fieldsV1: { 'f:data': { name: {} } } },
    { ...good, fieldsV1: { 'f:data': 1 } },
  ];
  for (const entry of bad)
    assert.deepEqual(owners(trackUpdate(live, withEntries(live, [good, entry]), context('c'))), ['a/Update']);
  const status = trackUpdate(live, withEntries(live, [good]), context('c', { subresource: 'status' }));
  assert.deepEqual(owners(status), ['a/Update']);
  assert.deepEqual(owners(trackUpdate(live, withEntries(live, [good]), context('c'))), ['b/Update']);
});

test('of two entries of one owner the later counts, and what nobody knows is left out', () => {
  const live = trackUpdate(undefined, map({ a: '1', b: '1' }), context('a'));
  const entry = entriesOf(live)?.[0] ?? {};
  const two = [
    { ...entry, fieldsV1: { 'f:data': { 'f:a': {} } } },
    { ...entry, fieldsV1: { 'f:data': { 'x:new': {}, 'f:b': {}, '.': {} } } },
  ];
  const given = trackUpdate(live, withEntries(live, two), context('b'));
  assert.deepEqual(
    entriesOf(given)?.map(({ fieldsV1 }) => fieldsV1),
    [{ 'f:data': { '.': {}, 'f:b': {} } }],
  );
});

test('who changes a value anew does so at another time, though it owns it already', () => {
  const live = trackUpdate(undefined, map({ a: '1', b: '1' }), context('a'));
  const times = (object: JsonObject): unknown => entriesOf(object)?.map(({ time }) => time);
  const of = (data: JsonObject) => map(data, live['metadata'] as JsonObject);
  assert.deepEqual(times(trackUpdate(live, of({ a: '2', b: '1' }), context('a', { time: late }))), [late]);
  // Who only takes away takes nothing over.
  assert.deepEqual(times(trackUpdate(live, of({ a: '1' }), context('a', { time: late }))), [early]);
  assert.deepEqual(times(trackUpdate(live, live, context('a', { time: late }))), [early]);
});

test('who keeps changing a value is not folded into the changes of long ago', () => {
  let live = trackUpdate(undefined, map({ a: '0' }), context('busy'));
  for (let i = 1; i < 30; i++) {
    const time = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`;
    const data = { ...(live['data'] as JsonObject), [`l${i}`]: 'x' };
    live = trackUpdate(live, { ...live, data }, context(`m${i}`, { time }));
    live = trackUpdate(live, { ...live, data: { ...data, a: String(i) } }, context('busy', { time }));
  }
  assert.ok(owners(live).includes('busy/Update'), owners(live).join());
  assert.equal(owners(live).length, 10);
});

const entry: fc.Arbitrary<ManagerEntry> = fc
  .record({
    manager: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'ancient-changes'),
    operation: fc.constantFrom('Apply' as const, 'Update' as const),
    apiVersion: fc.constantFrom('v1', 'v2', 'v3'),
    time: fc.constantFrom('', early, late),
    field: fc.constantFrom('f:a', 'f:b', 'f:c'),
  })
  .map(({ field, ...rest }) => ({ ...rest, subresource: '', fieldsV1: { [field]: {} } }));
const entries = fc.uniqueArray(entry, {
  selector: ({ manager, operation, apiVersion }) => `${manager} ${operation} ${apiVersion}`,
  maxLength: 40,
});

test('folding leaves every version what its updaters owned, and appliers alone', () => {
  fc.assert(
    fc.property(entries, (all) => {
      const capped = capUpdaters(all);
      const updaters = (of: readonly ManagerEntry[], version?: string): ManagerEntry[] =>
        of.filter(
          ({ operation, apiVersion }) =>
            operation === 'Update' && (version === undefined || version === apiVersion),
        );
      for (const version of ['v1', 'v2', 'v3']) {
        const owned = (of: readonly ManagerEntry[]) =>
          union(...updaters(of, version).map(({ fieldsV1 }) => fromFieldsV1(fieldsV1)));
        assert.ok(owned(capped).equals(owned(all)));
      }
      const isApply = ({ operation }: ManagerEntry): boolean => operation === 'Apply';
      assert.deepEqual(capped.filter(isApply), all.filter(isApply));
      assert.equal(updaters(capped).length, Math.min(10, updaters(all).length));
    }),
  );
});
