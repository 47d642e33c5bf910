/** A kind that is converted well: every verb in the stored version and in the other one. */
import type { Comparison } from '../../comparison.ts';
import { definitionOf, definitionPath, definitions, host, pathOf } from './definitions.ts';
import type { Webhook } from './webhook.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const patch = { 'content-type': 'application/json-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };
const table = { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' };
const partial = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' };
const partialList = { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' };
const right = { group: 'converted.example.com', plural: 'hosts' };

export async function verbScript(comparison: Comparison, webhook: Webhook): Promise<void> {
  await comparison.compare('definition', {
    method: 'POST',
    path: definitions,
    body: definitionOf(right, webhook.clientConfig('right')),
  });
  for (const version of ['v1', 'v2'])
    await comparison.settle(
      `${version} is served`,
      { method: 'GET', path: pathOf(right, version) },
      ({ status }) => status === 200,
    );
  await comparison.compare('the established definition', { method: 'GET', path: definitionPath(right) });
  for (const version of ['v1', 'v2'] as const) await made(comparison, version);
  for (const version of ['v1', 'v2'] as const) await read(comparison, version);
  for (const version of ['v1', 'v2'] as const) await changed(comparison, version);
  for (const version of ['v1', 'v2'] as const) await applied(comparison, version);
  for (const version of ['v1', 'v2'] as const) await ended(comparison, version);
}

async function made(comparison: Comparison, version: 'v1' | 'v2'): Promise<void> {
  const path = pathOf(right, version);
  const create = (title: string, body: unknown, query = ''): Promise<void> =>
    comparison.compare(`${version} ${title}`, {
      method: 'POST',
      path: `${path}?fieldManager=maker${query}`,
      body,
    });
  await create('create', host(right, version, version));
  await create('create again', host(right, version, version));
  await create('rehearsed', host(right, version, 'rehearsed'), '&dryRun=All');
  await create('create without spec', { ...host(right, version, `${version}-bare`), spec: undefined });
  await create('create with labels', {
    ...host(right, version, `${version}-labels`),
    metadata: {
      name: `${version}-labels`,
      labels: { a: 'b' },
      annotations: { c: 'd' },
      finalizers: ['e.f/g'],
    },
  });
  await create('create of the other version', host(right, version === 'v1' ? 'v2' : 'v1', 'other'));
  await create('create of the wrong shape', host(right, version, 'wrong', { host: 7, address: 7 }));
  await create(
    'create too long',
    host(right, version, 'long', { host: 'x'.repeat(21), address: 'x'.repeat(21) }),
  );
  await create('create with an unknown field', host(right, version, 'unknown', { what: 1 }), '&dryRun=All');
  await create(
    'create with an unknown field, strictly',
    host(right, version, 'unknown', { what: 1 }),
    '&dryRun=All&fieldValidation=Strict',
  );
  await create('create what is too long when it is converted', {
    ...host(right, version, 'over', { host: 'x'.repeat(20), port: 80, address: 'x'.repeat(20) }),
  });
}

async function read(comparison: Comparison, version: 'v1' | 'v2'): Promise<void> {
  const path = pathOf(right, version);
  const get = (title: string, at: string, headers: Record<string, string> = {}): Promise<void> =>
    comparison.compare(`${version} ${title}`, { method: 'GET', path: at, headers });
  for (const name of ['v1', 'v2', 'v1-bare', 'v2-bare', 'v1-labels', 'v2-labels', 'over', 'none'])
    await get(`get ${name}`, `${path}/${name}`);
  await get('get from the cache', `${path}/v1?resourceVersion=0`);
  await get('status', `${path}/v1/status`);
  await get('list', path);
  await get('list from the cache', `${path}?resourceVersion=0`);
  await get('list page', `${path}?limit=2`);
  await get('list by label', `${path}?labelSelector=a%3Db`);
  await get('list by name', `${path}?fieldSelector=metadata.name%3Dv2`);
  await get('list by field', `${path}?fieldSelector=spec.address%3Dv1:80`);
  await get('table', path, table);
  await get('table of one', `${path}/v2`, table);
  await get('metadata', path, partialList);
  await get('metadata of one', `${path}/v2`, partial);
  await get('watch', `${path}?watch=true&timeoutSeconds=1`);
  await get('watch from the cache', `${path}?watch=true&timeoutSeconds=1&resourceVersion=0`);
  await get('watch by field', `${path}?watch=true&timeoutSeconds=1&fieldSelector=spec.address%3Dv1:80`);
  await get('watch one', `${path}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dv1`);
  await get(
    'watch with a list',
    `${path}?watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  );
}

async function changed(comparison: Comparison, version: 'v1' | 'v2'): Promise<void> {
  const path = pathOf(right, version);
  const other = version === 'v1' ? 'v2' : 'v1';
  await comparison.both(`${version} now`, { method: 'GET', path: `${path}/v1` });
  await comparison.compare(`${version} update`, (side) => ({
    method: 'PUT',
    path: `${path}/v1?fieldManager=updater`,
    body: { ...side.saw(`${version} now`), spec: { host: 'put', port: 1, address: 'put:1' } },
  }));
  await comparison.compare(`${version} update that is stale`, (side) => ({
    method: 'PUT',
    path: `${path}/v1?fieldManager=updater`,
    body: { ...side.saw(`${version} now`), spec: { host: 'put', port: 2, address: 'put:2' } },
  }));
  await comparison.compare(`${version} update without a change`, (side) => ({
    method: 'PUT',
    path: `${path}/v1?fieldManager=updater`,
    body: side.saw(`${version} update`),
  }));
  await comparison.compare(`${version} update without a version`, {
    method: 'PUT',
    path: `${path}/v1?fieldManager=updater`,
    body: host(right, version, 'v1'),
  });
  const change = (title: string, body: unknown, headers: Record<string, string>, query = ''): Promise<void> =>
    comparison.compare(`${version} ${title}`, {
      method: 'PATCH',
      path: `${path}/v2?fieldManager=patcher${query}`,
      body,
      headers,
    });
  await change('merge patch', { spec: { port: 81, address: 'm:81' } }, merge);
  await change('merge patch of nothing', {}, merge);
  await change('merge patch of the wrong type', { spec: { port: 'x', address: 7 } }, merge);
  await change('merge patch of an unknown field', { spec: { what: 7 } }, merge);
  await change('JSON patch', [{ op: 'test', path: '/spec/host', value: 'm' }], patch);
  await change('JSON patch of labels', [{ op: 'add', path: '/metadata/labels', value: { x: 'y' } }], patch);
  await comparison.compare(`${version} patch of the status`, {
    method: 'PATCH',
    path: `${path}/v2/status?fieldManager=status`,
    body: { status: { seen: version === 'v1' ? 1 : 2 }, spec: { port: 1, address: 'no:1' } },
    headers: merge,
  });
  await comparison.compare(`${version} seen as ${other}`, {
    method: 'GET',
    path: `${pathOf(right, other)}/v2`,
  });
}

async function applied(comparison: Comparison, version: 'v1' | 'v2'): Promise<void> {
  const path = pathOf(right, version);
  const other = version === 'v1' ? 'v2' : 'v1';
  const send = (title: string, manager: string, name: string, spec: object, query = ''): Promise<void> =>
    comparison.compare(`${version} ${title}`, {
      method: 'PATCH',
      path: `${path}/${name}?fieldManager=${manager}${query}`,
      body: { ...host(right, version, name), spec },
      headers: apply,
    });
  const name = `${version}-applied`;
  await send('apply an unknown field', 'a', name, { what: 'a' });
  await send('apply known fields', 'a', name, version === 'v1' ? { host: 'a', port: 1 } : { address: 'a:1' });
  await send(
    'apply known fields again',
    'a',
    name,
    version === 'v1' ? { host: 'a', port: 1 } : { address: 'a:1' },
  );
  await send('apply a conflict', 'b', name, version === 'v1' ? { host: 'b' } : { address: 'b:1' });
  await send(
    'apply by force',
    'b',
    name,
    version === 'v1' ? { host: 'b' } : { address: 'b:1' },
    '&force=true',
  );
  await comparison.compare(`${version} applied, seen as ${other}`, {
    method: 'GET',
    path: `${pathOf(right, other)}/${name}`,
  });
  await comparison.compare(`${version} applied, then applied as ${other}`, {
    method: 'PATCH',
    path: `${pathOf(right, other)}/${name}?fieldManager=b`,
    body: host(right, other, name, other === 'v1' ? { host: 'o', port: 9 } : { address: 'o:9' }),
    headers: apply,
  });
  await comparison.compare(`${version} applied, then by force as ${other}`, {
    method: 'PATCH',
    path: `${pathOf(right, other)}/${name}?fieldManager=b&force=true`,
    body: host(right, other, name, other === 'v1' ? { host: 'o', port: 9 } : { address: 'o:9' }),
    headers: apply,
  });
  await send('apply after the other version', 'a', name, version === 'v1' ? { port: 3 } : { weight: 3 });
  await comparison.compare(`${version} at the end`, { method: 'GET', path: `${path}/${name}` });
}

async function ended(comparison: Comparison, version: 'v1' | 'v2'): Promise<void> {
  const path = pathOf(right, version);
  const remove = (title: string, at: string, query = ''): Promise<void> =>
    comparison.compare(`${version} ${title}`, { method: 'DELETE', path: `${path}${at}${query}` });
  await remove('delete', `/${version}`);
  await remove('delete with a finalizer', `/${version}-labels`);
  await comparison.compare(`${version} let go`, {
    method: 'PATCH',
    path: `${path}/${version}-labels`,
    body: { metadata: { finalizers: null } },
    headers: merge,
  });
  await remove('delete by label', '', '?labelSelector=x%3Dy');
  await comparison.compare(`${version} what is left`, { method: 'GET', path });
}
