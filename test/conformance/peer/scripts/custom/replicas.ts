/** A kind with everything that a definition can add to one: status, scale, columns, selectable fields, defaults. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { shown } from '../../mutations.ts';
import { withSortedCauses } from './causes.ts';
import { pathOf, shapes } from './definitions.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };
const table = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
const head = { apiVersion: 'custom.example.com/v1', kind: 'Replica' };

export async function replicaScript(comparison: Comparison): Promise<void> {
  const path = pathOf(shapes.replica);
  const create = (name: string, spec: unknown, more: object = {}): SidedCall => ({
    method: 'POST',
    path: `${path}?fieldManager=maker`,
    body: { ...head, metadata: { name }, spec, ...more },
  });
  await comparison.compare(
    'a full one',
    create(
      'full',
      {
        replicas: 3,
        mode: 'manual',
        weight: 1.5,
        on: true,
        since: '2020-01-02T03:04:05Z',
        hosts: ['a', 'b'],
        labels: { b: 'y', a: 'x' },
        ports: [
          { port: 1, name: 'one' },
          { port: 1, protocol: 'UDP' },
        ],
        whole: { a: 'x' },
        template: { kind: 'some' },
      },
      { status: { replicas: 7 } },
    ),
  );
  await comparison.compare('an empty one', create('empty', {}));
  await comparison.compare('one without spec', create('none', undefined));
  await comparison.compare(
    'one with nulls',
    create('nulls', { replicas: null, mode: null, template: null, on: null }),
  );
  await comparison.compare(
    'one that is wrong',
    create('wrong', {
      replicas: 11,
      mode: 'what',
      since: 'x',
      ports: [{ port: 1 }, { port: 1, protocol: 'TCP' }],
    }),
    withSortedCauses,
  );
  await comparison.compare('the table', { method: 'GET', path, headers: table });
  await comparison.compare('the table of one', { method: 'GET', path: `${path}/full`, headers: table });
  await comparison.compare('the table without objects', {
    method: 'GET',
    path: `${path}?includeObject=None`,
    headers: table,
  });
  for (const selector of [
    'spec.mode=manual',
    'spec.mode!=manual',
    'spec.replicas=1',
    'spec.replicas=3',
    'spec.on=true',
    'spec.on=',
    'spec.on!=true',
    'spec.weight=1.5',
    'metadata.name=full,spec.mode=manual',
    'metadata.namespace=peer',
    'spec.mode=auto,spec.replicas=1',
  ])
    await comparison.compare(`list of ${selector}`, {
      method: 'GET',
      path: `${path}?fieldSelector=${encodeURIComponent(selector)}`,
    });
  await statuses(comparison, path);
  await scales(comparison, path);
  await applies(comparison, path);
  await comparison.compare('the table at the end', { method: 'GET', path, headers: table });
  await comparison.compare('deletes by field', {
    method: 'DELETE',
    path: `${path}?fieldSelector=spec.mode%3Dmanual`,
  });
  await comparison.compare('what is left', { method: 'GET', path });
}

async function statuses(comparison: Comparison, path: string): Promise<void> {
  const at = `${path}/full/status`;
  await comparison.compare('status', { method: 'GET', path: at });
  await comparison.compare('status as table', { method: 'GET', path: at, headers: table });
  for (const body of [
    { status: { replicas: 2, selector: 'a=b' } },
    { status: { replicas: 'x' } },
    { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    { status: { conditions: [{ type: 'Ready', status: 'What' }] } },
    { status: { conditions: [{ type: 'Ready' }, { type: 'Ready', status: 'True' }] } },
    { status: { what: 1 } },
    { spec: { replicas: 9 } },
    { metadata: { labels: { a: 'b' }, annotations: { c: 'd' }, finalizers: ['example.com/x'] } },
    { status: null },
    { status: 'x' },
  ])
    await comparison.compare(`status ${shown(body)}`, {
      method: 'PATCH',
      path: `${at}?dryRun=All&fieldManager=status`,
      body,
      headers: merge,
    });
  await comparison.compare('status put', (side) => ({
    method: 'PUT',
    path: `${at}?fieldManager=status`,
    body: {
      ...side.saw('status'),
      spec: { replicas: 5 },
      status: {
        replicas: 2,
        selector: 'app=x',
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Other', status: 'False' },
        ],
      },
    },
  }));
  await comparison.compare('spec put with a status', (side) => ({
    method: 'PUT',
    path: `${path}/full?fieldManager=spec&dryRun=All`,
    body: { ...side.saw('status put'), status: { replicas: 99 } },
  }));
  await comparison.compare('status applied', {
    method: 'PATCH',
    path: `${at}?fieldManager=applier`,
    body: {
      ...head,
      metadata: { name: 'full' },
      status: { conditions: [{ type: 'Third', status: 'Unknown' }] },
    },
    headers: apply,
  });
  await comparison.compare('status of none', { method: 'GET', path: `${path}/what/status` });
}

async function scales(comparison: Comparison, path: string): Promise<void> {
  const at = `${path}/full/scale`;
  await comparison.compare('scale', { method: 'GET', path: at });
  await comparison.compare('scale of the empty one', { method: 'GET', path: `${path}/empty/scale` });
  await comparison.compare('scale as table', { method: 'GET', path: at, headers: table });
  for (const body of [
    { spec: { replicas: 4 } },
    { spec: { replicas: 11 } },
    { spec: { replicas: -1 } },
    { spec: { replicas: 'x' } },
    { spec: null },
    { status: { replicas: 4 } },
    { metadata: { name: 'x' } },
    { what: 1 },
  ])
    await comparison.compare(`scale ${shown(body)}`, {
      method: 'PATCH',
      path: `${at}?dryRun=All&fieldManager=scaler`,
      body,
      headers: merge,
    });
  await comparison.compare('scale put', (side) => ({
    method: 'PUT',
    path: `${at}?fieldManager=scaler`,
    body: { ...side.saw('scale'), spec: { replicas: 6 } },
  }));
  await comparison.compare('scale put with an old version', (side) => ({
    method: 'PUT',
    path: `${at}?fieldManager=scaler`,
    body: { ...side.saw('scale'), spec: { replicas: 7 } },
  }));
  await comparison.compare('scale put of another kind', {
    method: 'PUT',
    path: at,
    body: { ...head, metadata: { name: 'full' }, spec: { replicas: 1 } },
  });
  await comparison.compare('scale put under another name', (side) => ({
    method: 'PUT',
    path: at,
    body: { ...side.saw('scale'), metadata: { name: 'what', namespace: 'peer' } },
  }));
  await comparison.compare('scale put without kind', {
    method: 'PUT',
    path: `${at}?dryRun=All`,
    body: { metadata: { name: 'full', namespace: 'peer' }, spec: { replicas: 2 } },
  });
  await comparison.compare('scale of none', { method: 'GET', path: `${path}/what/scale` });
  await comparison.compare('after scaling', { method: 'GET', path: `${path}/full` });
}

async function applies(comparison: Comparison, path: string): Promise<void> {
  const send = (
    title: string,
    manager: string,
    spec: unknown,
    query = '',
    more: object = {},
  ): Promise<void> =>
    comparison.compare(title, {
      method: 'PATCH',
      path: `${path}/applied?fieldManager=${manager}${query}`,
      body: { ...head, metadata: { name: 'applied' }, spec, ...more },
      headers: apply,
    });
  await send('apply makes it', 'a', {
    mode: 'manual',
    hosts: ['a'],
    ports: [{ port: 1 }],
    labels: { a: 'x' },
    whole: { a: 'x' },
  });
  await send('apply the same', 'a', {
    mode: 'manual',
    hosts: ['a'],
    ports: [{ port: 1 }],
    labels: { a: 'x' },
    whole: { a: 'x' },
  });
  await send('apply by another', 'b', {
    hosts: ['b'],
    ports: [{ port: 2, name: 'two' }],
    labels: { b: 'y' },
  });
  await send('apply a conflict', 'b', {
    mode: 'off',
    labels: { a: 'z' },
    ports: [{ port: 1, name: 'one' }],
    whole: { b: 'y' },
  });
  await send('apply by force', 'b', { mode: 'off', labels: { a: 'z' }, whole: { b: 'y' } }, '&force=true');
  await send('apply less', 'a', { hosts: [] });
  await send('apply a doubled key', 'c', { ports: [{ port: 3 }, { port: 3 }] }, '&dryRun=All');
  await send('apply a doubled value', 'c', { hosts: ['x', 'x'] }, '&dryRun=All');
  await send('apply without a key', 'c', { ports: [{ name: 'x' }] }, '&dryRun=All');
  await send('apply a wrong type', 'c', { mode: 1, ports: {}, hosts: 'x', labels: [] }, '&dryRun=All');
  await send('apply a wrong value', 'c', { replicas: 99, mode: 'what' }, '&dryRun=All&force=true');
  await send('apply an unknown field', 'c', { what: 1 }, '&dryRun=All');
  await send(
    'apply an unknown field strictly',
    'c',
    { what: 1, ports: [{ port: 4, what: 1 }] },
    '&dryRun=All&fieldValidation=Strict',
  );
  await send('apply null', 'c', { mode: null }, '&dryRun=All');
  await send('apply with a status', 'c', {}, '&dryRun=All', { status: { replicas: 1 } });
  await send('apply with owners', 'c', {}, '&dryRun=All', {
    metadata: { name: 'applied', managedFields: [] },
  });
  await send('apply under another name', 'c', {}, '&dryRun=All', { metadata: { name: 'other' } });
  await send('apply without a manager', '', {}, '&dryRun=All');
  await send('apply another kind', 'c', {}, '&dryRun=All', { kind: 'What' });
  await send('apply another version', 'c', {}, '&dryRun=All', { apiVersion: 'custom.example.com/v9' });
  await send('apply without kind', 'c', {}, '&dryRun=All', { kind: undefined });
  await comparison.compare('no YAML', {
    method: 'PATCH',
    path: `${path}/applied?fieldManager=c`,
    body: 'a: [',
    headers: apply,
  });
  await comparison.compare('doubled YAML', {
    method: 'PATCH',
    path: `${path}/applied?fieldManager=c&dryRun=All`,
    body: 'apiVersion: custom.example.com/v1\nkind: Replica\nmetadata:\n  name: applied\nspec:\n  mode: auto\n  mode: off\n',
    headers: apply,
  });
  await comparison.compare('applied', { method: 'GET', path: `${path}/applied` });
  await comparison.compare('updated after apply', (side) => ({
    method: 'PUT',
    path: `${path}/applied?fieldManager=updater`,
    body: { ...side.saw('applied'), spec: { mode: 'auto', ports: [{ port: 9 }], whole: { c: 'z' } } },
  }));
  await send('apply after the update', 'a', { mode: 'manual', whole: { a: 'x' } });
}
