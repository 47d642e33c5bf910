import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { registry } from '../registry.ts';
import {
  difference,
  FieldSet,
  fieldSetOf,
  fromFieldsV1,
  intersection,
  toFieldsV1,
  union,
} from './field-set.ts';
import {
  applyConfiguration,
  ApplyConflictError,
  type ManagementContext,
  trackUpdate,
} from './managed-fields.ts';
import { mergeApplied } from './merge-applied.ts';
import { compare } from './structured-merge.ts';
import type { JsonObject } from './structure.ts';

const structure = registry.lookup('apps', 'v1', 'deployments')?.schema;

function context(manager: string, overrides: Partial<ManagementContext> = {}): ManagementContext {
  return {
    structure,
    manager,
    apiVersion: 'apps/v1',
    subresource: '',
    time: '2026-01-01T00:00:00Z',
    reset: fieldSetOf(['f:status']),
    ...overrides,
  };
}

function deployment(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata }, spec };
}

function managers(object: JsonObject): string[] {
  const list = (object['metadata'] as JsonObject)['managedFields'] as JsonObject[] | undefined;
  return (list ?? []).map((entry) => `${String(entry['manager'])}/${String(entry['operation'])}`);
}

function fieldsOf(object: JsonObject, manager: string): unknown {
  const list = (object['metadata'] as JsonObject)['managedFields'] as JsonObject[];
  return list.find((entry) => entry['manager'] === manager)?.['fieldsV1'];
}

const web = {
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 80 }] }] },
  },
};

test('a creation is owned by its creator, in the form that upstream writes', () => {
  const created = trackUpdate(undefined, deployment(web), context('kubectl-create'));
  assert.deepEqual(fieldsOf(created, 'kubectl-create'), {
    'f:spec': {
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"web"}': {
              '.': {},
              'f:image': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
              },
            },
          },
        },
      },
    },
  });
});

test('an apply owns what its configuration sets and nothing more', () => {
  const applied = applyConfiguration(undefined, deployment({ replicas: 2, ...web }), context('a'), false);
  assert.deepEqual(managers(applied), ['a/Apply']);
  assert.deepEqual((fieldsOf(applied, 'a') as JsonObject)['f:spec'], {
    'f:replicas': {},
    'f:template': {
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': {
        'f:containers': {
          'k:{"name":"web"}': {
            '.': {},
            'f:image': {},
            'f:name': {},
            'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          },
        },
      },
    },
  });
});

test('changing a field of another applier is a conflict that names both, and force takes the field', () => {
  const live = applyConfiguration(undefined, deployment({ replicas: 2 }), context('a'), false);
  assert.throws(
    () => applyConfiguration(live, deployment({ replicas: 3 }), context('b'), false),
    (error: unknown) =>
      error instanceof ApplyConflictError &&
      error.message === 'Apply failed with 1 conflict: conflict with "a": .spec.replicas' &&
      error.conflicts.length === 1,
  );
  const forced = applyConfiguration(live, deployment({ replicas: 3 }), context('b'), true);
  assert.equal((forced['spec'] as JsonObject)['replicas'], 3);
  assert.deepEqual(managers(forced), ['b/Apply']);
});

test('applying the value that is there already shares the field without a conflict', () => {
  const live = applyConfiguration(undefined, deployment({ replicas: 2 }), context('a'), false);
  const shared = applyConfiguration(live, deployment({ replicas: 2 }), context('b'), false);
  assert.deepEqual(managers(shared).sort(), ['a/Apply', 'b/Apply']);
});

test('a field that its applier no longer sets is removed, unless another owns it', () => {
  const containers = [
    { name: 'web', image: 'web:1' },
    { name: 'side', image: 'side:1' },
  ];
  const template = (list: JsonObject[]): JsonObject => ({ template: { spec: { containers: list } } });
  let live = applyConfiguration(
    undefined,
    deployment({ replicas: 2, paused: true, ...template(containers) }),
    context('a'),
    false,
  );
  live = applyConfiguration(live, deployment({ paused: true }), context('b'), false);
  live = applyConfiguration(
    live,
    deployment(template([{ name: 'web', image: 'web:1' }])),
    context('a'),
    false,
  );
  assert.deepEqual(live['spec'], { paused: true, ...template([{ name: 'web', image: 'web:1' }]) });
});

test('an update takes the fields that it changes away from an applier', () => {
  const live = applyConfiguration(undefined, deployment({ replicas: 2, paused: true }), context('a'), false);
  const scaled = trackUpdate(
    live,
    deployment({ replicas: 5, paused: true }, live['metadata'] as JsonObject),
    context('scaler'),
  );
  assert.deepEqual(fieldsOf(scaled, 'scaler'), { 'f:spec': { 'f:replicas': {} } });
  assert.deepEqual(fieldsOf(scaled, 'a'), { 'f:spec': { 'f:paused': {} } });
});

test('status changed through the resource itself is not owned', () => {
  const updated = trackUpdate(
    undefined,
    { ...deployment({ replicas: 1 }), status: { replicas: 1 } },
    context('a'),
  );
  assert.deepEqual(fieldsOf(updated, 'a'), { 'f:spec': { 'f:replicas': {} } });
});

test('who changes the status takes nothing else from its owners, whatever is left out beside it', () => {
  const created = trackUpdate(undefined, deployment({ replicas: 1, paused: true }), context('a'));
  const put = {
    ...deployment({ replicas: 1 }),
    metadata: created['metadata'] ?? {},
    status: { replicas: 1 },
  };
  const overrides = { subresource: 'status', reset: fieldSetOf(['f:spec']) };
  const updated = trackUpdate(created, put, context('b', overrides));
  assert.deepEqual(fieldsOf(updated, 'a'), { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } });
  assert.deepEqual(fieldsOf(updated, 'b'), { 'f:status': { 'f:replicas': {} } });
});

test('an update that changes nothing leaves the entries and their times alone', () => {
  const created = trackUpdate(undefined, deployment({ replicas: 1 }), context('a'));
  const again = trackUpdate(created, created, context('a', { time: '2027-01-01T00:00:00Z' }));
  assert.deepEqual(again, created);
});

test('the number of updaters stays bounded and no field loses its owner', () => {
  let live = trackUpdate(undefined, deployment({ replicas: 1 }), context('creator'));
  for (let i = 0; i < 30; i++) {
    const labels = {
      ...((live['metadata'] as JsonObject)['labels'] as JsonObject | undefined),
      [`l${i}`]: 'x',
    };
    const changed = { ...live, metadata: { ...(live['metadata'] as JsonObject), labels } };
    live = trackUpdate(
      live,
      changed,
      context(`m${i}`, { time: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z` }),
    );
  }
  assert.ok(managers(live).length <= 10, managers(live).join());
  const list = (live['metadata'] as JsonObject)['managedFields'] as JsonObject[];
  const all = union(...list.map((entry) => fromFieldsV1(entry['fieldsV1'])));
  for (let i = 0; i < 30; i++) assert.ok(all.has(['f:metadata', 'f:labels', `f:l${i}`]));
});

const path = fc.array(fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1'), { minLength: 1, maxLength: 4 });
const fieldSet = fc.array(path, { maxLength: 12 }).map((paths) => fieldSetOf(...paths));
const texts = (set: FieldSet): Set<string> => new Set([...set.paths()].map((each) => each.join('/')));

test('field sets behave like sets of paths, and survive their written form', () => {
  fc.assert(
    fc.property(fieldSet, fieldSet, (a, b) => {
      assert.deepEqual(texts(union(a, b)), texts(a).union(texts(b)));
      assert.deepEqual(texts(difference(a, b)), texts(a).difference(texts(b)));
      assert.deepEqual(texts(intersection(a, b)), texts(a).intersection(texts(b)));
      assert.deepEqual(texts(fromFieldsV1(toFieldsV1(a))), texts(a));
    }),
  );
});

const container = fc.record(
  { name: fc.constantFrom('a', 'b', 'c'), image: fc.constantFrom('x', 'y') },
  { noNullPrototype: true },
);
const containers = fc.uniqueArray(container, { selector: ({ name }) => name, maxLength: 3 });
const spec = fc.record(
  {
    replicas: fc.nat(3),
    paused: fc.boolean(),
    template: fc.record(
      { spec: fc.record({ containers }, { noNullPrototype: true }) },
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test('what an apply sets is what the object then holds, and applying again changes nothing', () => {
  fc.assert(
    fc.property(spec, spec, (first, second) => {
      const live = applyConfiguration(undefined, deployment(first), context('other'), false);
      const config = deployment(second);
      const applied = applyConfiguration(live, config, context('me'), true);
      const held = mergeApplied(applied, config, structure);
      const { managedFields: _drop, ...metadata } = applied['metadata'] as JsonObject;
      const { added, modified, removed } = compare(
        { ...applied, metadata },
        { ...(held as JsonObject), metadata },
        structure,
      );
      assert.ok(added.empty && modified.empty && removed.empty);
      assert.deepEqual(applyConfiguration(applied, config, context('me'), true), applied);
    }),
  );
});

test('who owns a field in another version hears of what becomes of it there', () => {
  const object = (version: string, spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
    apiVersion: `g.example.com/${version}`,
    kind: 'Host',
    metadata: { name: 'one', ...metadata },
    spec,
  });
  const of = (manager: string, version: string, overrides: Partial<ManagementContext> = {}) =>
    context(manager, {
      structure: undefined,
      apiVersion: `g.example.com/${version}`,
      reset: fieldSetOf(['f:metadata']),
      ...overrides,
    });
  const first = applyConfiguration(undefined, object('v1', { host: 'a', port: 1 }), of('a', 'v1'), false);
  const { metadata } = first;
  const seen = object('v2', { address: 'a:1' }, metadata as JsonObject);
  const config = object('v2', { address: 'a:2' });
  const inVersion = () => ({
    before: object('v1', { host: 'a', port: 1 }),
    after: object('v1', { host: 'a', port: 2 }),
    structure: undefined,
  });
  assert.throws(
    () => applyConfiguration(seen, config, of('b', 'v2', { inVersion }), false),
    (error) =>
      error instanceof ApplyConflictError &&
      error.message === 'Apply failed with 1 conflict: conflict with "a": .spec.port',
  );
  const forced = applyConfiguration(seen, config, of('b', 'v2', { inVersion }), true);
  assert.deepEqual(fieldsOf(forced, 'a'), { 'f:spec': { '.': {}, 'f:host': {} } });
  // Whose version is no more owns nothing.
  const later = trackUpdate(seen, config, of('c', 'v2', { inVersion: () => undefined }));
  assert.deepEqual(managers(later), ['c/Update']);
});

test('a null in the place of what merges by fields or items takes nothing away', () => {
  const loose = { structure: undefined, reset: fieldSetOf(['f:metadata']) };
  const free = trackUpdate(undefined, deployment({ list: [1], map: { a: 'x' } }), context('maker', loose));
  const config = { ...deployment({}), spec: null };
  const applied = applyConfiguration(free, config, context('other', loose), false);
  assert.deepEqual(applied['spec'], { list: [1], map: { a: 'x' } });
  const typed = mergeApplied(
    deployment(web),
    deployment({ template: { spec: { containers: null } } }),
    structure,
  );
  assert.deepEqual(typed, deployment(web));
  // What is one piece is replaced by it.
  const whole = mergeApplied({ list: [1] }, { list: null }, undefined);
  assert.deepEqual(whole, { list: null });
});

test('a null that is set is owned, and replaces what was there', () => {
  const own = { structure: undefined, reset: fieldSetOf(['f:metadata']) };
  const live = trackUpdate(undefined, deployment({ mode: 'on', size: 1 }), context('maker', own));
  const applied = applyConfiguration(live, deployment({ mode: null }), context('other', own), true);
  assert.deepEqual(applied['spec'], { mode: null, size: 1 });
  assert.deepEqual(fieldsOf(applied, 'other'), { 'f:spec': { '.': {}, 'f:mode': {} } });
  assert.deepEqual(fieldsOf(applied, 'maker'), { 'f:spec': { '.': {}, 'f:size': {} } });
});

test('items that only the live list has come before what a configuration brings', () => {
  const merged = (live: readonly string[], config: readonly string[]): unknown => {
    const ports = (names: readonly string[]): JsonObject[] => names.map((name) => ({ name, image: 'x' }));
    const containers = (names: readonly string[]): JsonObject =>
      deployment({ template: { spec: { containers: ports(names) } } });
    const { spec } = mergeApplied(containers(live), containers(config), structure) as {
      spec: { template: { spec: { containers: { name: string }[] } } };
    };
    return spec.template.spec.containers.map(({ name }) => name).join('');
  };
  assert.equal(merged(['a'], ['b']), 'ab');
  assert.equal(merged(['a', 'b', 'c'], ['c', 'a']), 'bca');
  assert.equal(merged(['a', 'x', 'b'], ['b', 'y', 'a']), 'xbya');
  assert.equal(merged(['a', 'b'], ['a', 'c', 'b']), 'acb');
  assert.equal(merged(['x', 'a', 'y'], ['b', 'a']), 'xbay');
});

test('of items with the same keys nobody can tell who set what: they are owned as a whole', () => {
  const container = (env: readonly JsonObject[]): JsonObject => ({
    ...deployment({}),
    spec: { template: { spec: { containers: [{ name: 'one', image: 'x', env: [...env] }] } } },
  });
  const of = (object: JsonObject): unknown => {
    const [entry] = ((object['metadata'] as JsonObject)['managedFields'] ?? []) as JsonObject[];
    const text = JSON.stringify(entry?.['fieldsV1']);
    return /"f:env":(\{.*?\}\})/.exec(text)?.[1];
  };
  const twice = [
    { name: 'A', value: '1' },
    { name: 'A', value: '2' },
  ];
  const live = trackUpdate(undefined, container(twice), context('a'));
  assert.equal(of(live), '{".":{},"k:{\\"name\\":\\"A\\"}":{}}');
  const same = trackUpdate(live, { ...container(twice), metadata: live['metadata'] ?? {} }, context('b'));
  assert.deepEqual(
    (same['metadata'] as JsonObject)['managedFields'],
    (live['metadata'] as JsonObject)['managedFields'],
  );
  const once = trackUpdate(undefined, container(twice.slice(1)), context('a'));
  assert.equal(of(once), '{".":{},"k:{\\"name\\":\\"A\\"}":{".":{},"f:name":{},"f:value":{}}');
  const doubled = trackUpdate(once, { ...container(twice), metadata: once['metadata'] ?? {} }, context('a'));
  assert.equal(of(doubled), '{".":{},"k:{\\"name\\":\\"A\\"}":{}}');
});
