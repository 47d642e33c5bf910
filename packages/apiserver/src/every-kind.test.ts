/**
 * Every stored built-in kind through every verb of a real server: create, read, list, watch, update, the four patches,
 * dry run, protobuf, tables, metadata, delete. The examples are those of the object model.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  apiVersionOf,
  applyDefaults,
  decodeProtobuf,
  encodeProtobuf,
  type ResourceInfo,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { type Example, examples } from '../../api/src/testing/examples.ts';
import { type Answer, until } from './testing/harness.ts';
import { sharedServer } from './testing/shared-server.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const json = { 'content-type': 'application/json' };
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const asTable = 'application/json;as=Table;g=meta.k8s.io;v=v1';
const namespace = 'default';

function pathOf(info: ResourceInfo): string {
  const root = info.group === '' ? '/api/v1' : `/apis/${apiVersionOf(info)}`;
  return `${root}${info.namespaced ? `/namespaces/${namespace}` : ''}/${info.resource}`;
}

function ok(answer: Answer, status = 200): Answer {
  assert.equal(answer.status, status, answer.body.toString().slice(0, 600));
  return answer;
}

const withLabel = (object: ApiObject, key: string): ApiObject => ({
  ...object,
  metadata: { ...object.metadata, labels: { ...object.metadata?.labels, [key]: 'yes' } },
});

const shared = sharedServer();

/** Protobuf does not carry the kind of an object inside another; defaults put it back. */
function filled(info: ResourceInfo, object: ApiObject): ApiObject {
  return applyDefaults(info, structuredClone(object));
}

/** Headers of a patch of some form. */
function patch(form: string): { headers: Record<string, string> } {
  return { headers: { 'content-type': `application/${form}` } };
}

async function walk({ info, object }: Example): Promise<void> {
  const collection = pathOf(info);
  const name = object().metadata?.name ?? '';
  const path = `${collection}/${name}`;
  const state = async (): Promise<ApiObject> =>
    ok(await shared.server.request('GET', path)).json as ApiObject;
  await shared.server.request('DELETE', path);
  const from = ok(await shared.server.request('GET', collection)).json.metadata.resourceVersion as string;

  const rehearsed = ok(await shared.server.request('POST', `${collection}?dryRun=All`, object()), 201);
  assert.ok(rehearsed.json.metadata.uid);
  ok(await shared.server.request('GET', path), 404);

  const created = ok(
    await shared.server.request('POST', `${collection}?fieldValidation=Strict`, object()),
    201,
  );
  const condition = writtenOn[info.kind];
  const first = condition === undefined ? created.json : await settled(state, condition);
  assert.equal(first.apiVersion, apiVersionOf(info));
  assert.equal(first.kind, info.kind);
  assert.equal(first.metadata?.generation, info.hasGeneration ? 1 : undefined);
  assert.deepEqual(await state(), first);
  const again = ok(await shared.server.request('POST', collection, object()), 409);
  assert.equal(again.json.reason, 'AlreadyExists');

  const list = ok(await shared.server.request('GET', collection)).json;
  assert.equal(list.kind, `${info.kind}List`);
  const listed = list.items.find((item: ApiObject) => item.metadata?.name === name);
  const { apiVersion: _apiVersion, kind: _kind, ...bare } = first;
  assert.deepEqual(listed, bare);
  const only = ok(
    await shared.server.request('GET', `${collection}?fieldSelector=metadata.name%3D${name}`),
  ).json;
  assert.deepEqual(only.items, [listed]);

  const stale = await shared.server.request('PUT', path, {
    ...first,
    metadata: { ...first.metadata, resourceVersion: '1' },
  });
  ok(stale, 409);
  const updated = ok(await shared.server.request('PUT', path, withLabel(first, 'put'))).json as ApiObject;
  assert.equal(updated.metadata?.labels?.['put'], 'yes');
  // Labels are no new generation, but of those that look for endpoints by them.
  const counted = info.kind === 'EndpointSlice' ? 2 : first.metadata?.generation;
  assert.equal(updated.metadata?.generation, counted);

  const label = (key: string): string => JSON.stringify({ metadata: { labels: { [key]: 'yes' } } });
  const operations = [{ op: 'add', path: '/metadata/labels/json', value: 'yes' }];
  ok(await shared.server.request('PATCH', path, operations, patch('json-patch+json')));
  ok(await shared.server.request('PATCH', path, label('merge'), patch('merge-patch+json')));
  ok(await shared.server.request('PATCH', path, label('strategic'), patch('strategic-merge-patch+json')));
  const config = {
    apiVersion: first.apiVersion,
    kind: first.kind,
    metadata: { name, labels: { apply: 'yes' } },
  };
  ok(
    await shared.server.request(
      'PATCH',
      `${path}?fieldManager=t&force=true`,
      config,
      patch('apply-patch+yaml'),
    ),
  );
  const unsaved = `${path}?dryRun=All`;
  ok(await shared.server.request('PATCH', unsaved, label('dry'), patch('merge-patch+json')));
  const labels = Object.keys((await state()).metadata?.labels ?? {});
  for (const key of ['put', 'json', 'merge', 'strategic', 'apply']) assert.ok(labels.includes(key), key);
  assert.ok(!labels.includes('dry'));

  const bytes = ok(await shared.server.request('GET', path, undefined, { headers: { accept: protobuf } }));
  assert.equal(bytes.headers['content-type'], protobuf);
  const decoded = decodeProtobuf(bytes.body).object;
  const sent = encodeProtobuf(withLabel(decoded, 'protobuf'));
  const stored = await shared.server.request('PUT', path, sent, {
    headers: { 'content-type': protobuf, accept: protobuf },
  });
  ok(stored);
  assert.equal(decodeProtobuf(stored.body).object.metadata?.labels?.['protobuf'], 'yes');
  const before = await state();
  assert.deepEqual(
    { ...before, metadata: 0 },
    { ...(JSON.parse(JSON.stringify(filled(info, decoded))) as object), metadata: 0 },
  );

  const table = ok(
    await shared.server.request('GET', collection, undefined, { headers: { accept: asTable } }),
  ).json;
  assert.deepEqual(
    table.columnDefinitions.map((column: { name: string }) => column.name),
    info.columns.map((column) => column.name),
  );
  const partial = ok(
    await shared.server.request('GET', collection, undefined, { headers: { accept: metadataOnly } }),
  ).json;
  assert.equal(partial.kind, 'PartialObjectMetadataList');

  await remove(path, info);
  const types = await watched(`${collection}?watch=1&resourceVersion=${from}`, name);
  assert.deepEqual(types.slice(0, 2), ['ADDED', 'MODIFIED']);
  assert.equal(types.at(-1), 'DELETED');
}

/** Kinds whose status the server itself writes after their creation, and what it holds when that is done. */
const writtenOn: Readonly<Record<string, string>> = {
  APIService: 'Available',
  CustomResourceDefinition: 'Established',
  ValidatingAdmissionPolicy: 'observedGeneration',
};

async function settled(state: () => Promise<ApiObject>, condition: string): Promise<ApiObject> {
  let object = await state();
  await until(async () => {
    object = await state();
    return JSON.stringify(object['status'] ?? {}).includes(`"${condition}"`);
  }, `the server says ${condition}`);
  return object;
}

async function remove(path: string, { kind }: ResourceInfo): Promise<void> {
  ok(await shared.server.request('DELETE', path, undefined, { headers: json }));
  if (kind === 'Namespace') {
    const ending = (await shared.server.request('GET', path)).json;
    ok(await shared.server.request('PUT', `${path}/finalize`, { ...ending, spec: { finalizers: [] } }));
  }
  const left = await shared.server.request('GET', path);
  if (left.status === 200) {
    // Whoever put a finalizer there takes it off, if it is not the server itself and was faster.
    const body = { metadata: { finalizers: null } };
    const freed = await shared.server.request('PATCH', path, body, patch('merge-patch+json'));
    if (freed.status !== 404) ok(freed);
  }
  ok(await shared.server.request('GET', path), 404);
}

/** The types of events of one object, up to its deletion. */
async function watched(path: string, name: string): Promise<string[]> {
  const stop = new AbortController();
  const deadline = setTimeout(() => stop.abort(), 30_000);
  const types: string[] = [];
  try {
    for await (const event of shared.server.watch(path, stop.signal)) {
      if (event.object.metadata.name !== name) continue;
      types.push(event.type);
      if (event.type === 'DELETED') break;
    }
  } finally {
    clearTimeout(deadline);
    stop.abort();
  }
  return types;
}

describe('every verb works for', () => {
  for (const example of examples()) it(example.title, () => walk(example));
});
