/**
 * Every stored kind in the forms that are the same for all: rehearsals of all verbs, strictness about fields in JSON and
 * YAML, tables with and without objects, streams of changes, owners and conflicts, and how it goes in the end.
 */
import { stringify } from 'yaml';
import { apiVersionOf } from '@timonier/api/registry';
import { type Example, examples } from '../../../../packages/api/src/testing/examples.ts';
import type { Comparison, SidedCall } from '../comparison.ts';
import { withSortedCauses } from './custom/causes.ts';
import { pathOf, settled } from './kinds.ts';

type Json = Record<string, unknown>;

const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
const merge = { 'content-type': 'application/merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };

export async function each(comparison: Comparison): Promise<void> {
  for (const example of examples())
    await comparison.section(`each ${example.title}`, () => oneKind(comparison, example));
}

async function oneKind(comparison: Comparison, example: Example): Promise<void> {
  const { info } = example;
  const collection = pathOf(info);
  const name = example.object().metadata?.name ?? '';
  const path = `${collection}/${name}`;
  const object = example.object() as unknown as Json;
  await comparison.both('made', { method: 'POST', path: collection, body: object });
  await settled(comparison, example);
  await comparison.both('is', { method: 'GET', path });
  const calls: { title: string; call: SidedCall }[] = [];
  const send = (title: string, call: SidedCall): void => void calls.push({ title, call });
  rehearsals(send, example, collection, path);
  strictness(send, object, collection, path);
  forms(send, collection, path, name);
  await comparison.all(calls);
  await owners(comparison, example, path);
  await comparison.compare('goes', { method: 'DELETE', path });
  await comparison.both('is gone', {
    method: 'PATCH',
    path,
    body: { metadata: { finalizers: null } },
    headers: merge,
  });
  await comparison.both('is gone at once', { method: 'DELETE', path: `${path}?gracePeriodSeconds=0` });
}

type Send = (title: string, call: SidedCall) => void;

function rehearsals(send: Send, { object }: Example, collection: string, path: string): void {
  const name = object().metadata?.name ?? '';
  send('rehearsed creation of what is', { method: 'POST', path: `${collection}?dryRun=All`, body: object() });
  send('rehearsed update', (side) => ({
    method: 'PUT',
    path: `${path}?dryRun=All&fieldManager=rehearser`,
    body: { ...side.saw('is'), metadata: { ...side.saw('is')?.metadata, annotations: { rehearsed: 'yes' } } },
  }));
  send('rehearsed patch', {
    method: 'PATCH',
    path: `${path}?dryRun=All`,
    body: { metadata: { labels: { rehearsed: 'yes' }, finalizers: ['example.com/x'] } },
    headers: merge,
  });
  send('rehearsed patch by strategy', {
    method: 'PATCH',
    path: `${path}?dryRun=All`,
    body: { metadata: { labels: { rehearsed: 'yes' }, $retainKeys: ['name', 'labels'] } },
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
  });
  send('rehearsed deletion', { method: 'DELETE', path: `${path}?dryRun=All` });
  send('rehearsed deletion before its dependents', {
    method: 'DELETE',
    path: `${path}?dryRun=All&propagationPolicy=Foreground`,
  });
  send('rehearsed deletion of all', {
    method: 'DELETE',
    path: `${collection}?dryRun=All&fieldSelector=metadata.name%3D${name}`,
  });
}

function strictness(send: Send, object: Json, collection: string, path: string): void {
  const unknown = { ...object, what: 1, metadata: { ...(object['metadata'] as Json), what: { a: 1 } } };
  const body =
    Object.keys(object).find((key) => !['apiVersion', 'kind', 'metadata'].includes(key)) ?? 'metadata';
  const nested = object[body];
  if (typeof nested === 'object' && nested !== null && !Array.isArray(nested))
    Object.assign(unknown, { [body]: { ...nested, whatElse: [1] } });
  const text = JSON.stringify(unknown);
  // What is said twice is told where it is said again.
  const doubled = `${JSON.stringify(object).slice(0, -1)},"kind":${JSON.stringify(object['kind'])}}`;
  const nestedTwice = text.replace('"name":', '"name":"first","name":');
  for (const level of ['Strict', 'Warn', 'Ignore']) {
    const query = `dryRun=All&fieldValidation=${level}`;
    send(`${level}: unknown fields`, { method: 'POST', path: `${collection}?${query}`, body: text });
    send(`${level}: fields twice`, { method: 'POST', path: `${collection}?${query}`, body: doubled });
    send(`${level}: a nested field twice`, {
      method: 'POST',
      path: `${collection}?${query}`,
      body: nestedTwice,
    });
    send(`${level}: unknown fields in YAML`, {
      method: 'POST',
      path: `${collection}?${query}`,
      body: stringify(unknown),
      headers: { 'content-type': 'application/yaml' },
    });
    send(`${level}: fields twice in YAML`, {
      method: 'POST',
      path: `${collection}?${query}`,
      body: `${stringify(unknown)}\nkind: ${String(object['kind'])}\n`,
      headers: { 'content-type': 'application/yaml' },
    });
    send(`${level}: unknown fields in an update`, { method: 'PUT', path: `${path}?${query}`, body: text });
    send(`${level}: unknown fields in a patch`, {
      method: 'PATCH',
      path: `${path}?${query}`,
      body: {
        what: 1,
        metadata: { what: 1, labels: { a: 'b' } },
        [body]: nested === undefined ? undefined : { whatElse: 1 },
      },
      headers: merge,
    });
    send(`${level}: fields twice in a patch`, {
      method: 'PATCH',
      path: `${path}?${query}`,
      body: '{"metadata":{"labels":{"a":"b"},"labels":{"a":"c"},"annotations":{"x":"y","x":"z"}}}',
      headers: merge,
    });
    send(`${level}: unknown fields in a JSON patch`, {
      method: 'PATCH',
      path: `${path}?${query}`,
      body: [
        { op: 'add', path: '/what', value: 1 },
        { op: 'add', path: '/metadata/what', value: 1 },
      ],
      headers: { 'content-type': 'application/json-patch+json' },
    });
    // Upstream tells of several in another order each time, and not of all.
    send(`${level}: an unknown field in an apply`, {
      method: 'PATCH',
      path: `${path}?${query}&fieldManager=strict&force=true`,
      body: { ...object, what: 1 },
      headers: apply,
    });
  }
}

function forms(send: Send, collection: string, path: string, name: string): void {
  const one = `${collection}?fieldSelector=metadata.name%3D${name}`;
  for (const include of ['None', 'Metadata', 'Object', 'What', ''])
    send(`table with ${include || 'nothing'}`, {
      method: 'GET',
      path: `${one}&includeObject=${include}`,
      headers: { accept: table },
    });
  send('table of one without objects', {
    method: 'GET',
    path: `${path}?includeObject=None`,
    headers: { accept: table },
  });
  send('list in YAML', { method: 'GET', path: one, headers: { accept: 'application/yaml' } });
  send('watch', { method: 'GET', path: one.replace('?', '?watch=1&timeoutSeconds=1&') });
  send('watch of tables', {
    method: 'GET',
    path: one.replace('?', '?watch=1&timeoutSeconds=1&includeObject=None&'),
    headers: { accept: table },
  });
  send('watch of metadata', {
    method: 'GET',
    path: one.replace('?', '?watch=1&timeoutSeconds=1&'),
    headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
  });
  send('by a field that is none', { method: 'GET', path: `${collection}?fieldSelector=what%3Dx` });
}

/** Owners by two who apply, one who updates, and one who takes over by force; and what somebody gives up. */
async function owners(comparison: Comparison, { info, object }: Example, path: string): Promise<void> {
  const body = { ...(object() as unknown as Json), apiVersion: apiVersionOf(info), kind: info.kind };
  const metadata = (more: Json): Json => ({ ...(object().metadata as unknown as Json), ...more });
  const send = (title: string, query: string, own: unknown): Promise<void> =>
    comparison.compare(
      title,
      { method: 'PATCH', path: `${path}?${query}`, body: own, headers: apply },
      withSortedCauses,
    );
  await send('applied by one', 'fieldManager=one&force=true', body);
  await send('applied by two', 'fieldManager=two', {
    ...body,
    metadata: metadata({ labels: { by: 'two' }, annotations: { by: 'two' } }),
  });
  await send('applied by three', 'fieldManager=three', {
    ...body,
    metadata: metadata({ labels: { by: 'three' } }),
  });
  await send('taken by three', 'fieldManager=three&force=true', {
    ...body,
    metadata: metadata({ labels: { by: 'three' } }),
  });
  await send('given up by two', 'fieldManager=two', {
    apiVersion: apiVersionOf(info),
    kind: info.kind,
    metadata: { name: object().metadata?.name },
  });
  await send('given up by one', 'fieldManager=one&dryRun=All', {
    apiVersion: apiVersionOf(info),
    kind: info.kind,
    metadata: { name: object().metadata?.name },
  });
}
