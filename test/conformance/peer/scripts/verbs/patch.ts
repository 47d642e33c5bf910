/** Patches of three forms, right and wrong ones. */
import type { Comparison } from '../../comparison.ts';
import { apply, deployments, jsonPatch, merge, strategic } from './samples.ts';

export async function patches(comparison: Comparison): Promise<void> {
  const path = `${deployments}/verbs?dryRun=All`;
  const send = (headers: Record<string, string>, title: string, body: unknown, where = path): Promise<void> =>
    comparison.compare(`${headers['content-type']?.replace(/^application\//, '')} ${title}`, {
      method: 'PATCH',
      path: where,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers,
    });
  for (const headers of [merge, jsonPatch, strategic, apply]) {
    await send(headers, 'nothing', '');
    await send(headers, 'no JSON', '{');
    await send(headers, 'text', '"text"');
    await send(headers, 'a number', '7');
    await send(headers, 'null', 'null');
    await send(headers, 'an empty list', []);
    await send(headers, 'a list', [1]);
    await send(headers, 'an empty object', {});
    await send(headers, 'a bad type', { spec: { replicas: 'many' } });
    await send(headers, 'an unknown field', { spec: { what: 1 } });
    await send(
      headers,
      'an unknown field, strictly',
      { spec: { what: 1 } },
      `${path}&fieldValidation=Strict`,
    );
    await send(headers, 'an unknown field, ignored', { spec: { what: 1 } }, `${path}&fieldValidation=Ignore`);
    await send(headers, 'a bad validation', {}, `${path}&fieldValidation=What`);
    await send(headers, 'another name', { metadata: { name: 'other' } });
    await send(headers, 'another kind', { kind: 'Pod', apiVersion: 'v1' });
    await send(headers, 'another version of kind', { kind: 'Deployment', apiVersion: 'apps/v2' });
    await send(headers, 'another namespace', { metadata: { namespace: 'other' } });
    await send(headers, 'another uid', { metadata: { uid: 'other' } });
    await send(headers, 'an old version', { metadata: { resourceVersion: '1' } });
    await send(headers, 'a bad version', { metadata: { resourceVersion: 'x' } });
    await send(headers, 'a bad label', { metadata: { labels: { 'bad key!': 'x' } } });
    await send(headers, 'force', {}, `${path}&force=true`);
    await send(headers, 'bad force', {}, `${path}&force=x`);
    await send(headers, 'a long manager', {}, `${path}&fieldManager=${'m'.repeat(200)}`);
    await send(headers, 'an unprintable manager', {}, `${path}&fieldManager=%07`);
    await send(headers, 'of nothing', {}, `${deployments}/none?dryRun=All`);
  }
  const operations: Readonly<Record<string, unknown>> = {
    'no op': [{ path: '/metadata/labels/a', value: 'b' }],
    'an unknown op': [{ op: 'what', path: '/metadata/labels/a', value: 'b' }],
    'no path': [{ op: 'add', value: 'b' }],
    'no value': [{ op: 'add', path: '/metadata/labels/a' }],
    'a relative path': [{ op: 'add', path: 'metadata', value: 'b' }],
    'remove of nothing': [{ op: 'remove', path: '/metadata/annotations/none' }],
    'replace of nothing': [{ op: 'replace', path: '/metadata/annotations/none', value: 'x' }],
    'add below nothing': [{ op: 'add', path: '/spec/none/deep', value: 'x' }],
    'a failing test': [{ op: 'test', path: '/spec/replicas', value: 7 }],
    'a right test': [{ op: 'test', path: '/spec/replicas', value: 1 }],
    'test of nothing': [{ op: 'test', path: '/spec/none', value: 7 }],
    'move of nothing': [{ op: 'move', from: '/spec/none', path: '/spec/x' }],
    'copy of nothing': [{ op: 'copy', from: '/spec/none', path: '/spec/x' }],
    'an index too high': [{ op: 'add', path: '/spec/template/spec/containers/9', value: {} }],
    'a bad index': [{ op: 'add', path: '/spec/template/spec/containers/x', value: {} }],
    'a negative index': [{ op: 'remove', path: '/spec/template/spec/containers/-1' }],
    'the whole document': [{ op: 'replace', path: '', value: {} }],
    'remove of the whole': [{ op: 'remove', path: '' }],
    'a wrong member': [{ op: 7 }],
    'too many': Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/spec/replicas', value: 1 })),
  };
  for (const [title, body] of Object.entries(operations)) await send(jsonPatch, title, body);
  const directives: Readonly<Record<string, unknown>> = {
    '$patch replace': { metadata: { labels: { $patch: 'replace', x: 'y' } } },
    '$patch delete of an item': {
      spec: { template: { spec: { containers: [{ name: 'one', $patch: 'delete' }] } } },
    },
    '$patch of another word': { spec: { $patch: 'what' } },
    'an item without key': { spec: { template: { spec: { containers: [{ image: 'x' }] } } } },
    'an item added': { spec: { template: { spec: { containers: [{ name: 'two', image: 'x' }] } } } },
    '$setElementOrder of others': {
      spec: {
        template: {
          spec: {
            '$setElementOrder/containers': [{ name: 'two' }],
            containers: [{ name: 'three', image: 'x' }],
          },
        },
      },
    },
    $deleteFromPrimitiveList: { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } },
    $retainKeys: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    'a list for an object': { spec: [] },
    'an object for a list': { spec: { template: { spec: { containers: {} } } } },
  };
  for (const [title, body] of Object.entries(directives)) await send(strategic, title, body);
  for (const type of [
    'text/plain',
    'application/json',
    'application/xml',
    'application/yaml',
    'application/apply-patch+json',
    'application/apply-patch+cbor',
    '',
  ])
    await comparison.compare(`content type ${type}`, {
      method: 'PATCH',
      path,
      body: '{}',
      headers: { 'content-type': type },
    });
}
