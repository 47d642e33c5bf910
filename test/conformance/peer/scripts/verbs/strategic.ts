/** Directives of strategic patches, where they mean something and where they do not; and keys with the names of prototypes. */
import type { Comparison } from '../../comparison.ts';
import { deployments, jsonPatch, maps, merge, strategic } from './samples.ts';

type Json = Record<string, unknown>;

const path = `${deployments}/directed`;
const template = (spec: Json): Json => ({ spec: { template: { spec } } });
const containers = (...all: unknown[]): Json => template({ containers: all });
const one = (more: Json): Json => containers({ name: 'one', ...more });
const metadata = (more: Json): Json => ({ metadata: more });

const directed = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'directed',
    labels: { a: '1', b: '2' },
    annotations: { c: '3' },
    finalizers: ['example.com/a', 'example.com/b'],
  },
  spec: {
    selector: { matchLabels: { app: 'directed' } },
    template: {
      metadata: { labels: { app: 'directed' } },
      spec: {
        containers: [
          {
            name: 'one',
            image: 'demo:1',
            args: ['1', '2'],
            env: [
              { name: 'X', value: '1' },
              { name: 'Y', value: '2' },
            ],
            ports: [
              { containerPort: 80, protocol: 'TCP' },
              { containerPort: 80, protocol: 'UDP' },
            ],
            volumeMounts: [
              { name: 'v', mountPath: '/v' },
              { name: 'v', mountPath: '/w' },
            ],
          },
          { name: 'two', image: 'demo:1' },
        ],
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'w', configMap: { name: 'x' } },
        ],
        tolerations: [{ key: 'k', operator: 'Exists' }],
        imagePullSecrets: [{ name: 'p' }],
      },
    },
  },
};

/** Those that Kubernetes answers with 500 are named in `differences.ts`: what a client asks for wrongly is its own fault. */
const patches: Readonly<Record<string, unknown>> = {
  'one of two ports deleted': one({ ports: [{ containerPort: 80, $patch: 'delete' }] }),
  'a port with its key': one({ ports: [{ containerPort: 80, name: 'http' }] }),
  'an order alone': one({ '$setElementOrder/env': [{ name: 'Y' }, { name: 'X' }] }),
  'an order of some': one({ '$setElementOrder/env': [{ name: 'Y' }] }),
  'an order with a new one': one({
    '$setElementOrder/env': [{ name: 'Z' }, { name: 'Y' }, { name: 'X' }],
    env: [{ name: 'Z', value: '3' }],
  }),
  'an order of more than there is': one({
    '$setElementOrder/env': [{ name: 'Q' }, { name: 'X' }],
    env: [{ name: 'X', value: '9' }],
  }),
  'an order without what is set': one({
    '$setElementOrder/env': [{ name: 'Y' }],
    env: [{ name: 'X', value: '9' }],
  }),
  'an order that is text': one({ '$setElementOrder/env': 'X' }),
  'an order of texts': one({ '$setElementOrder/env': ['X'], env: [{ name: 'X', value: '9' }] }),
  'an order without keys': one({ '$setElementOrder/env': [{ x: 1 }], env: [{ name: 'X', value: '9' }] }),
  'an order of no field': { spec: { '$setElementOrder/none': [{ a: 1 }] } },
  'an order of nothing': { spec: { $setElementOrder: [] } },
  'a list replaced': one({ env: [{ $patch: 'replace' }, { name: 'N', value: '1' }] }),
  'a list replaced in the end': one({ env: [{ name: 'N', value: '1' }, { $patch: 'replace' }] }),
  'a list replaced by nothing': one({ env: [{ $patch: 'replace' }] }),
  'an item that replaces': one({ env: [{ name: 'X', $patch: 'replace', value: '9' }] }),
  'an item that merges': one({ env: [{ name: 'X', $patch: 'merge', value: '9' }] }),
  'an item of another word': one({ env: [{ name: 'X', $patch: 'burn' }] }),
  'an item that is not there deleted': one({ env: [{ name: 'Q', $patch: 'delete' }] }),
  'an item deleted without its key': one({ env: [{ value: '1', $patch: 'delete' }] }),
  'an item that is null': one({ env: [null] }),
  'an item that is text': one({ env: ['x'] }),
  'a key that is null': containers({ name: null, image: 'demo:2' }),
  'a key that is a number': containers({ name: 1, image: 'demo:2' }),
  'a list of null': one({ env: null }),
  'a list of nothing': one({ env: [] }),
  'words taken out of a list that is replaced': one({ '$deleteFromPrimitiveList/args': ['1'] }),
  'words taken out and put in': metadata({
    '$deleteFromPrimitiveList/finalizers': ['example.com/a'],
    '$setElementOrder/finalizers': ['example.com/z', 'example.com/b'],
    finalizers: ['example.com/z'],
  }),
  'a word taken out that is no list': metadata({ '$deleteFromPrimitiveList/finalizers': 'example.com/a' }),
  'numbers taken out': metadata({ '$deleteFromPrimitiveList/finalizers': [1] }),
  'words taken out of nothing': { spec: { '$deleteFromPrimitiveList/none': ['1'] } },
  'labels replaced': metadata({ labels: { $patch: 'replace', x: 'y' } }),
  'labels deleted': metadata({ labels: { $patch: 'delete' } }),
  'labels merged': metadata({ labels: { $patch: 'merge', x: 'y' } }),
  'labels retained': metadata({ labels: { $retainKeys: ['a'], a: '9' } }),
  'labels not retained': metadata({ labels: { $retainKeys: ['a'], b: '9' } }),
  'retained by a word': { spec: { strategy: { $retainKeys: 'type', type: 'Recreate' } } },
  'retained by a number': { spec: { strategy: { $retainKeys: [1], type: 'Recreate' } } },
  'nothing retained': { spec: { strategy: { $retainKeys: [] } } },
  'everything replaced': { $patch: 'replace', ...directed, metadata: { name: 'directed' } },
  'everything deleted': { $patch: 'delete' },
  'a volume of another sort': template({
    volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }],
  }),
  'a volume of two sorts': template({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] }),
  'a mount deleted': one({ volumeMounts: [{ mountPath: '/v', $patch: 'delete' }] }),
  'an atomic list replaced': template({ tolerations: [{ key: 'n', operator: 'Exists' }] }),
  'a directive in an atomic list': template({
    tolerations: [{ $patch: 'replace' }, { key: 'q', operator: 'Exists' }],
  }),
  'a directive in a new item': containers({
    name: 'new',
    image: 'demo:1',
    env: [
      { name: 'A', $patch: 'delete' },
      { name: 'B', value: '1' },
    ],
  }),
  'an order in a new item': containers({
    name: 'new',
    image: 'demo:1',
    '$setElementOrder/env': [{ name: 'A' }],
    env: [{ name: 'A', value: '1' }],
  }),
  'nulls in a new item': containers({ name: 'new', image: 'demo:1', command: null, securityContext: {} }),
  'an unknown directive': { spec: { $what: 1 } },
  'an owner without its key': metadata({
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }],
  }),
};

export async function strategicPatches(comparison: Comparison): Promise<void> {
  await comparison.both('a deployment', { method: 'POST', path: deployments, body: directed });
  for (const [title, body] of Object.entries(patches))
    await comparison.compare(title, {
      method: 'PATCH',
      path: `${path}?dryRun=All&fieldManager=patcher`,
      body: JSON.stringify(body),
      headers: strategic,
    });
  await prototypes(comparison);
}

/** Names that JavaScript has a meaning for. */
async function prototypes(comparison: Comparison): Promise<void> {
  const map =
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"prototypes"},"data":{"__proto__":"1","constructor":"2","toString":"3"}}';
  await comparison.compare('a prototype created', { method: 'POST', path: maps, body: map });
  const sent: readonly (readonly [headers: Record<string, string>, body: string])[] = [
    [jsonPatch, '[{"op":"replace","path":"/data/__proto__","value":"5"}]'],
    [jsonPatch, '[{"op":"remove","path":"/data/__proto__"}]'],
    [jsonPatch, '[{"op":"add","path":"/data/__proto__/x","value":"5"}]'],
    [jsonPatch, '[{"op":"add","path":"/__proto__","value":{"a":1}}]'],
    [jsonPatch, '[{"op":"move","from":"/data/__proto__","path":"/data/prototype"}]'],
    [jsonPatch, '[{"op":"test","path":"/data/constructor","value":"2"}]'],
    [jsonPatch, '[{"op":"test","path":"/data/hasOwnProperty","value":null}]'],
    [jsonPatch, '[{"op":"remove","path":"/data/hasOwnProperty"}]'],
    [merge, '{"data":{"__proto__":"7","constructor":null}}'],
    [strategic, '{"data":{"__proto__":"8","toString":null}}'],
    [merge, '{"metadata":{"labels":{"__proto__":"x"}}}'],
  ];
  for (const [headers, body] of sent)
    await comparison.compare(`a prototype: ${body}`, {
      method: 'PATCH',
      path: `${maps}/prototypes?dryRun=All`,
      body,
      headers,
    });
}
