import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApplyConflictError, applyConfiguration, type ManagementContext } from './managed-fields.ts';
import { fieldSetOf } from './field-set.ts';
import { reconciledFieldsV1 } from './reconciled-fields.ts';
import type { JsonObject, Structure } from './structure.ts';

const scalar: Structure = { kind: 'scalar', field: () => undefined };
const item: Structure = { kind: 'object', field: () => scalar };
const objectOf = (fields: Record<string, Structure>, more: Partial<Structure> = {}): Structure => ({
  kind: 'object',
  field: (name) => fields[name],
  ...more,
});
const kindWith = (list: Partial<Structure>, map: Partial<Structure>): Structure =>
  objectOf({
    spec: objectOf({
      list: { kind: 'list', field: () => undefined, items: item, listMapKeys: ['name'], ...list },
      map: { kind: 'map', field: () => undefined, values: scalar, ...map },
    }),
  });
const fine = kindWith({ listType: 'map' }, {});
const coarse = kindWith({ listType: 'atomic' }, { mapType: 'atomic' });

const owned: JsonObject = {
  'f:spec': {
    'f:list': { '.': {}, 'k:{"name":"x"}': { '.': {}, 'f:name': {} } },
    'f:map': { 'f:a': {} },
    'f:gone': { 'f:b': {} },
  },
};

test('who owned a part of what is one piece now owns the piece, and nothing else changes', () => {
  assert.equal(reconciledFieldsV1(owned, fine), owned);
  assert.deepEqual(reconciledFieldsV1(owned, coarse), {
    'f:spec': { 'f:list': {}, 'f:map': {}, 'f:gone': { 'f:b': {} } },
  });
  const pieces: JsonObject = { 'f:spec': { 'f:list': {}, 'f:map': {} } };
  assert.equal(reconciledFieldsV1(pieces, coarse), pieces);
  assert.equal(reconciledFieldsV1(pieces, fine), pieces);
  const whole = objectOf({ spec: objectOf({}, { structType: 'atomic' }) });
  assert.deepEqual(reconciledFieldsV1(owned, whole), { 'f:spec': {} });
});

const contextOf = (manager: string, structure: Structure): ManagementContext => ({
  manager,
  structure,
  apiVersion: 'x.io/v1',
  subresource: '',
  time: '2026-01-01T00:00:00Z',
  reset: fieldSetOf(),
  structureIn: () => structure,
});

test('a list that became one piece is not taken from who owned an item of it without a conflict', () => {
  const config = (name: string): JsonObject => ({
    apiVersion: 'x.io/v1',
    kind: 'X',
    spec: { list: [{ name }] },
  });
  const one = applyConfiguration(undefined, config('x'), contextOf('one', fine), false);
  const both = applyConfiguration(one, config('y'), contextOf('two', fine), false);
  assert.throws(
    () => applyConfiguration(both, config('x'), contextOf('one', coarse), false),
    ApplyConflictError,
  );
  const forced = applyConfiguration(both, config('x'), contextOf('one', coarse), true);
  const { managedFields } = forced['metadata'] as { managedFields: { manager: string }[] };
  assert.deepEqual(
    managedFields.map(({ manager }) => manager),
    ['one'],
  );
});
