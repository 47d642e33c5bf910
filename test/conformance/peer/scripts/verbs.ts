/** Requests in right and wrong forms: parameters, bodies, patches, preconditions, subresources, paths and media types. */
import type { Call } from '../calls.ts';
import type { Comparison, SidedCall } from '../comparison.ts';
import { namespace } from './world.ts';

const maps = `/api/v1/namespaces/${namespace}/configmaps`;
const pods = `/api/v1/namespaces/${namespace}/pods`;
const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
const merge = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };

const map = (name: string, more: object = {}): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { kind: 'verbs' } },
  data: { a: 'b' },
  ...more,
});

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'verbs', labels: { kind: 'verbs' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'verbs' } },
    template: {
      metadata: { labels: { app: 'verbs' } },
      spec: { containers: [{ name: 'one', image: 'demo:1', ports: [{ containerPort: 80 }] }] },
    },
  },
};

export async function verbs(comparison: Comparison): Promise<void> {
  await comparison.both('deployment', { method: 'POST', path: deployments, body: deployment });
  for (const name of ['verbs-1', 'verbs-2', 'verbs-3'])
    await comparison.both(name, { method: 'POST', path: maps, body: map(name) });
  await comparison.section('verbs list', () => lists(comparison));
  await comparison.section('verbs watch', () => watches(comparison));
  await comparison.section('verbs patch', () => patches(comparison));
  await comparison.section('verbs apply', () => applies(comparison));
  await comparison.section('verbs create', () => creations(comparison));
  await comparison.section('verbs update', () => updates(comparison));
  await comparison.section('verbs delete', () => deletions(comparison));
  await comparison.section('verbs paths', () => paths(comparison));
}

async function lists(comparison: Comparison): Promise<void> {
  const only = 'labelSelector=kind%3Dverbs';
  const queries = [
    '',
    'limit=1',
    'limit=-1',
    'limit=x',
    'limit=1&resourceVersion=0',
    'limit=1&resourceVersion=1',
    'resourceVersion=0',
    'resourceVersion=1',
    'resourceVersion=x',
    'resourceVersion=-1',
    'resourceVersion=999999999',
    'resourceVersionMatch=Exact',
    'resourceVersionMatch=NotOlderThan',
    'resourceVersionMatch=What&resourceVersion=1',
    'resourceVersionMatch=Exact&resourceVersion=0',
    'resourceVersionMatch=NotOlderThan&resourceVersion=0',
    'resourceVersionMatch=Exact&resourceVersion=999999999',
    'continue=x',
    'continue=x&resourceVersion=1',
    'continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIifQ',
    'sendInitialEvents=true',
    'sendInitialEvents=x',
    'timeoutSeconds=x',
    'timeoutSeconds=-1',
    'allowWatchBookmarks=x',
    'watch=x',
    'labelSelector=a%20in%20()',
    'labelSelector=a%20in%20(b',
    'labelSelector=!!a',
    'labelSelector=a%3D%3D%3Db',
    'labelSelector=a%20what%20b',
    'labelSelector=Bad_Key!%3Db',
    'labelSelector=-a%3Db',
    'labelSelector=a%3D-b-',
    'labelSelector=a%3Eb',
    'labelSelector=a%3E1',
    'labelSelector=%2C',
    'labelSelector=a%2C',
    'labelSelector=a%20notin%20(b%2Cc)',
    'fieldSelector=metadata.name%3Dverbs-1',
    'fieldSelector=metadata.name!%3Dverbs-1',
    'fieldSelector=metadata.namespace%3Dpeer',
    'fieldSelector=spec.what%3D1',
    'fieldSelector=nothing',
    'fieldSelector=a%3D%3Db%3Dc',
    'fieldSelector=metadata.name%3D%5Cz',
    'what=x',
    'pretty=x',
    'pretty=true',
    'limit=1&limit=2',
  ];
  for (const query of queries)
    await comparison.compare(`?${query}`, {
      method: 'GET',
      path: `${maps}?${query.includes('labelSelector') ? query : `${query}&${only}`}`,
    });
  await comparison.compare('a chunk', { method: 'GET', path: `${maps}?limit=1&${only}` });
  await comparison.compare('the next chunk', (side) => ({
    method: 'GET',
    path: `${maps}?limit=1&${only}&continue=${encodeURIComponent(side.saw('a chunk')?.metadata?.continue ?? '')}`,
  }));
  for (const more of [
    'resourceVersion=1',
    'resourceVersionMatch=Exact',
    'resourceVersion=0',
    'resourceVersionMatch=Exact&resourceVersion=1',
  ])
    await comparison.compare(`the next chunk with ${more}`, (side) => ({
      method: 'GET',
      path: `${maps}?limit=1&${only}&${more}&continue=${encodeURIComponent(side.saw('a chunk')?.metadata?.continue ?? '')}`,
    }));
  const fieldsOf: Readonly<Record<string, string>> = {
    '/api/v1/pods':
      'spec.nodeName,status.phase,spec.hostNetwork,spec.restartPolicy,status.podIP,metadata.uid,spec.serviceAccountName,status.podIPs,status.nominatedNodeName,spec.schedulerName',
    '/api/v1/nodes': 'spec.unschedulable,metadata.namespace,status.phase',
    '/api/v1/events':
      'involvedObject.kind,reason,reportingComponent,source,type,regarding.kind,involvedObject.name,reportingController',
    '/api/v1/namespaces': 'status.phase,name',
    '/api/v1/secrets': 'type,name',
    '/api/v1/services': 'spec.clusterIP,spec.type,spec.x',
    '/api/v1/replicationcontrollers': 'status.replicas',
    '/apis/apps/v1/replicasets': 'status.replicas',
    '/apis/batch/v1/jobs': 'status.successful',
    '/apis/certificates.k8s.io/v1/certificatesigningrequests': 'spec.signerName',
    '/apis/resource.k8s.io/v1/resourceslices': 'spec.nodeName,spec.driver,x',
    '/apis/apps/v1/deployments': 'status.replicas',
    '/apis/events.k8s.io/v1/events': 'regarding.kind,involvedObject.kind,reason,reportingController',
    '/api/v1/persistentvolumes': 'name,status.phase',
    '/api/v1/persistentvolumeclaims': 'name,status.phase',
  };
  for (const [path, names] of Object.entries(fieldsOf))
    for (const name of names.split(','))
      await comparison.compare(`fields ${path} ${name}`, {
        method: 'GET',
        path: `${path}?fieldSelector=${name}%3Dnone-such`,
      });
}

async function watches(comparison: Comparison): Promise<void> {
  const only = 'labelSelector=kind%3Dverbs';
  const calls = [
    'watch=1&resourceVersion=x',
    'watch=1&resourceVersion=-1',
    'watch=1&resourceVersionMatch=Exact&resourceVersion=1',
    'watch=1&resourceVersionMatch=NotOlderThan',
    'watch=1&sendInitialEvents=true',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&allowWatchBookmarks=true',
    'watch=1&sendInitialEvents=false',
    'watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0',
    'watch=1&timeoutSeconds=1',
    'watch=1&timeoutSeconds=x',
    'watch=1&limit=1',
    'watch=1&continue=x',
    'watch=true&resourceVersion=0',
    'watch=1&fieldSelector=spec.what%3D1',
    'watch=1&resourceVersion=999999999&timeoutSeconds=1',
    'watch=1&resourceVersion=1&timeoutSeconds=1',
  ].map((query) => ({ title: `?${query}`, call: { method: 'GET', path: `${maps}?${query}&${only}` } }));
  await comparison.all(calls);
  const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  await comparison.all([
    {
      title: 'of one object',
      call: { method: 'GET', path: `/api/v1/watch/namespaces/${namespace}/configmaps/verbs-1` },
    },
    {
      title: 'old path',
      call: { method: 'GET', path: `/api/v1/watch/namespaces/${namespace}/configmaps?${only}` },
    },
    {
      title: 'as tables',
      call: { method: 'GET', path: `${maps}?watch=1&${only}`, headers: { accept: table } },
    },
    {
      title: 'as metadata',
      call: {
        method: 'GET',
        path: `${maps}?watch=1&${only}`,
        headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
      },
    },
    {
      title: 'as YAML',
      call: { method: 'GET', path: `${maps}?watch=1&${only}`, headers: { accept: 'application/yaml' } },
    },
    { title: 'on one name', call: { method: 'GET', path: `${maps}/verbs-1?watch=1` } },
    { title: 'with POST', call: { method: 'POST', path: `${maps}?watch=1`, body: {} } },
  ]);
}

async function patches(comparison: Comparison): Promise<void> {
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

async function applies(comparison: Comparison): Promise<void> {
  const path = `${deployments}/applied`;
  const send = (title: string, query: string, body: unknown, where = path): Promise<void> =>
    comparison.compare(title, {
      method: 'PATCH',
      path: `${where}?${query}`,
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: apply,
    });
  const own = { ...deployment, metadata: { name: 'applied' } };
  await send('without a manager', '', own);
  await send('an empty manager', 'fieldManager=', own);
  await send('first', 'fieldManager=one', own);
  await send('again', 'fieldManager=one', own);
  await send('the same by another', 'fieldManager=two', own);
  await send('a conflict', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 3 } });
  const image = (name: string, value: string) => ({
    ...own,
    spec: { ...own.spec, template: { ...own.spec.template, spec: { containers: [{ name, image: value }] } } },
  });
  await send('a conflict in a list', 'fieldManager=three', image('one', 'demo:2'));
  await send('an item of its own', 'fieldManager=three', image('extra', 'demo:2'));
  await send('several conflicts', 'fieldManager=four', {
    ...image('one', 'demo:3'),
    spec: { ...image('one', 'demo:3').spec, replicas: 9, selector: own.spec.selector },
  });
  await send('by force', 'fieldManager=two&force=true', { ...own, spec: { ...own.spec, replicas: 3 } });
  await comparison.compare('an update in between', (side) => ({
    method: 'PUT',
    path: `${path}?fieldManager=editor`,
    body: { ...side.saw('by force'), spec: { ...side.saw('by force')?.spec, replicas: 5 } },
  }));
  await send('a conflict with an update', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 6 } });
  await comparison.compare('scale in between', {
    method: 'PATCH',
    path: `${path}/scale?fieldManager=scaler`,
    body: { spec: { replicas: 8 } },
    headers: merge,
  });
  await send('a conflict with scale', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 6 } });
  await send('fields given up', 'fieldManager=two', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'applied' },
  });
  await send('managed fields in the body', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', managedFields: [{ manager: 'x' }] },
  });
  await send('doubled keys', 'fieldManager=two&dryRun=All', {
    ...own,
    spec: {
      ...own.spec,
      template: {
        ...own.spec.template,
        spec: {
          containers: [
            { name: 'one', image: 'a' },
            { name: 'one', image: 'b' },
          ],
        },
      },
    },
  });
  await send('an item without key', 'fieldManager=two&dryRun=All', {
    ...own,
    spec: { ...own.spec, template: { ...own.spec.template, spec: { containers: [{ image: 'a' }] } } },
  });
  await send('no kind', 'fieldManager=two', { metadata: { name: 'applied' } });
  await send('no name', 'fieldManager=two', { apiVersion: 'apps/v1', kind: 'Deployment' });
  await send('another name', 'fieldManager=two', { ...own, metadata: { name: 'other' } });
  await send('another namespace', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', namespace: 'other' },
  });
  await send('an unknown field', 'fieldManager=two', { ...own, what: 1 });
  await send('a wrong type', 'fieldManager=two', { ...own, spec: { ...own.spec, replicas: 'x' } });
  await send(
    'several documents',
    'fieldManager=two',
    'apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n',
  );
  await send('bad YAML', 'fieldManager=two', 'a: b: c');
  await send(
    'a version of nothing',
    'fieldManager=two',
    { ...own, metadata: { name: 'none-such', resourceVersion: '7' } },
    `${deployments}/none-such`,
  );
  await send('an old version', 'fieldManager=two', {
    ...own,
    metadata: { name: 'applied', resourceVersion: '7' },
  });
  await send(
    'status',
    'fieldManager=status',
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'applied' }, status: { replicas: 3 } },
    `${path}/status`,
  );
  await send(
    'scale',
    'fieldManager=scale',
    {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'applied', namespace },
      spec: { replicas: 2 },
    },
    `${path}/scale`,
  );
  await send(
    'scale by force',
    'fieldManager=scale&force=true',
    {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'applied', namespace },
      spec: { replicas: 2 },
    },
    `${path}/scale`,
  );
  await comparison.compare('in the end', { method: 'GET', path });
}

async function creations(comparison: Comparison): Promise<void> {
  const dry = `${maps}?dryRun=All`;
  const json = (body: unknown, path = dry, more: Partial<Call> = {}): SidedCall => ({
    method: 'POST',
    path,
    body,
    ...more,
  });
  const typed = (type: string, body = JSON.stringify(map('typed'))): SidedCall => ({
    method: 'POST',
    path: dry,
    body,
    headers: { 'content-type': type },
  });
  const calls: Readonly<Record<string, SidedCall>> = {
    'no body': { method: 'POST', path: dry },
    'an empty body': json(''),
    'no JSON': json('{'),
    'half of it': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"'),
    text: json('"x"'),
    null: json('null'),
    'a list': json('[]'),
    'a number': json('7'),
    'an empty object': json({}),
    'no kind': json({ ...map('x'), kind: undefined }),
    'no version': json({ ...map('x'), apiVersion: undefined }),
    'another kind': json({ ...map('x'), kind: 'Secret' }),
    'another group': json({ ...map('x'), apiVersion: 'apps/v1', kind: 'Deployment' }),
    'an unknown kind': json({ ...map('x'), kind: 'Thing' }),
    'an unknown group': json({ ...map('x'), apiVersion: 'example.com/v1' }),
    'a bad version': json({ ...map('x'), apiVersion: 'a/b/c' }),
    'a list kind': json({ apiVersion: 'v1', kind: 'ConfigMapList', items: [] }),
    'no metadata': json({ apiVersion: 'v1', kind: 'ConfigMap' }),
    'no name': json({ ...map('x'), metadata: {} }),
    'a generated name of nothing': json({ ...map('x'), metadata: { generateName: '' } }),
    'a bad generated name': json({ ...map('x'), metadata: { generateName: 'Bad_Name' } }),
    'a bad name': json({ ...map('x'), metadata: { name: 'Bad_Name' } }),
    'a long name': json(map('n'.repeat(254))),
    'a name with a slash': json(map('a/b')),
    'the name ..': json(map('..')),
    'another namespace': json({ ...map('x'), metadata: { name: 'x', namespace: 'other' } }),
    'a namespace that is not': json(map('x'), '/api/v1/namespaces/none-such/configmaps'),
    'a version': json({ ...map('x'), metadata: { name: 'x', resourceVersion: '7' } }),
    'a uid': json({ ...map('x'), metadata: { name: 'x', uid: 'mine' } }),
    'times of its own': json({
      ...map('x'),
      metadata: {
        name: 'x',
        creationTimestamp: '2020-01-01T00:00:00Z',
        deletionTimestamp: '2020-01-01T00:00:00Z',
        deletionGracePeriodSeconds: 5,
        generation: 9,
        selfLink: '/x',
      },
    }),
    'an unknown field': json({ ...map('x'), what: 1 }),
    'an unknown field, strictly': json(
      { ...map('x'), what: 1, metadata: { name: 'x', who: 2 } },
      `${dry}&fieldValidation=Strict`,
    ),
    'an unknown field, ignored': json({ ...map('x'), what: 1 }, `${dry}&fieldValidation=Ignore`),
    'a bad validation': json(map('x'), `${dry}&fieldValidation=What`),
    'a doubled field': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"b"},"data":{"a":"c"}}',
    ),
    'a doubled field, strictly': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"y"},"data":{"a":"b"},"data":{"a":"c"},"x":1}',
      `${dry}&fieldValidation=Strict`,
    ),
    'a field in capitals': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"Data":{"a":"b"}}',
    ),
    'a bad dry run': json(map('x'), `${maps}?dryRun=Some`),
    'two dry runs': json(map('x'), `${maps}?dryRun=All&dryRun=All`),
    'an empty dry run': json(map('verbs-1'), `${maps}?dryRun=`),
    'a long manager': json(map('x'), `${dry}&fieldManager=${'m'.repeat(129)}`),
    'an unprintable manager': json(map('x'), `${dry}&fieldManager=%07`),
    'bad pretty': json(map('x'), `${dry}&pretty=what`),
    'on a name': json(map('x'), `${maps}/x`),
    'on a subresource that is not': json(map('x'), `${maps}/verbs-1/status`),
    'many managed fields': json({
      ...map('x'),
      metadata: {
        name: 'x',
        managedFields: [
          {
            manager: 'a',
            operation: 'Update',
            apiVersion: 'v1',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': {} },
          },
        ],
      },
    }),
    'bad managed fields': json({
      ...map('x'),
      metadata: { name: 'x', managedFields: [{ manager: 'a', operation: 'What', fieldsType: 'x' }] },
    }),
    YAML: typed('application/yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\n'),
    'bad YAML': typed('application/yaml', 'a: b: c'),
    'YAML with unknown fields, strictly': json(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\nwhat: 1\nwhat: 2\n',
      `${dry}&fieldValidation=Strict`,
      { headers: { 'content-type': 'application/yaml' } },
    ),
    'text/plain': typed('text/plain'),
    'an empty type': typed(''),
    'a type with charset': typed('application/json; charset=utf-8'),
    'a bad type': typed('what'),
    'broken protobuf': typed('application/vnd.kubernetes.protobuf', 'k8s'),
    form: typed('application/x-www-form-urlencoded'),
    CBOR: typed('application/cbor'),
    'a long annotation': json({
      ...map('x'),
      metadata: { name: 'x', annotations: { a: 'x'.repeat(262_145) } },
    }),
    'a big map': json({ ...map('x'), data: { a: 'x'.repeat(1_048_577) } }),
    'a body too big': json({ ...map('x'), data: { a: 'x'.repeat(3_200_000) } }),
    'deep JSON': json(
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":${'['.repeat(11_000)}${']'.repeat(11_000)}}`,
    ),
    'a number too big': json(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":99999999999999999999}}',
    ),
    'a fraction': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":1.5}}'),
    'an exponent': json('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","generation":1e3}}'),
    'bad UTF-8': json(
      Buffer.concat([
        Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"'),
        Buffer.from([0xff]),
        Buffer.from('"}}'),
      ]),
    ),
    'behind the end': json(`${JSON.stringify(map('x'))} {}`),
  };
  for (const [title, call] of Object.entries(calls)) await comparison.compare(title, call);
  for (const accept of [
    'text/plain',
    'application/xml',
    'application/json;as=Table;g=meta.k8s.io;v=v2',
    'application/json;as=What;g=meta.k8s.io;v=v1',
    'application/yaml, */*',
    '*/*',
    'application/*',
    '',
    'application/json;stream=watch',
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1',
    'application/json;as=Table;g=meta.k8s.io;v=v1beta1',
    'text/html, application/json;q=0.5',
    'application/cbor',
    'what',
  ])
    await comparison.compare(`accept ${accept}`, {
      method: 'GET',
      path: `${maps}/verbs-1`,
      headers: { accept },
    });
}

async function updates(comparison: Comparison): Promise<void> {
  const path = `${maps}/verbs-1?dryRun=All`;
  const bodies: Readonly<Record<string, unknown>> = {
    'another name': map('other'),
    'no name': { ...map('x'), metadata: {} },
    'another namespace': { ...map('verbs-1'), metadata: { name: 'verbs-1', namespace: 'other' } },
    'an old version': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: '1' } },
    'a bad version': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: 'x' } },
    'version 0': { ...map('verbs-1'), metadata: { name: 'verbs-1', resourceVersion: '0' } },
    'another uid': { ...map('verbs-1'), metadata: { name: 'verbs-1', uid: 'other' } },
    'no version': map('verbs-1'),
    'another kind': { ...map('verbs-1'), kind: 'Secret' },
    'an empty object': {},
    'a new finalizer': {
      ...map('verbs-1'),
      metadata: { name: 'verbs-1', finalizers: ['example.com/x', 'bad'] },
    },
    'an owner': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'y' }],
      },
    },
    'bad owners': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: [{}, { apiVersion: 'v1', kind: 'Event', name: 'x', uid: 'y' }],
      },
    },
    'two controllers': {
      ...map('verbs-1'),
      metadata: {
        name: 'verbs-1',
        ownerReferences: ['a', 'b'].map((name) => ({
          apiVersion: 'v1',
          kind: 'Pod',
          name,
          uid: name,
          controller: true,
        })),
      },
    },
  };
  for (const [title, body] of Object.entries(bodies))
    await comparison.compare(title, { method: 'PUT', path, body });
  await comparison.compare('of nothing', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: map('none-such'),
  });
  await comparison.compare('of nothing with a version', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: { ...map('x'), metadata: { name: 'none-such', resourceVersion: '5' } },
  });
  await comparison.compare('of nothing with a uid', {
    method: 'PUT',
    path: `${maps}/none-such?dryRun=All`,
    body: { ...map('x'), metadata: { name: 'none-such', uid: '5' } },
  });
  for (const replicas of [-1, 'x', 2.5, 2_147_483_648])
    await comparison.compare(`scale to ${replicas}`, {
      method: 'PATCH',
      path: `${deployments}/verbs/scale?dryRun=All`,
      body: { spec: { replicas } },
      headers: merge,
    });
  const lease = '/apis/coordination.k8s.io/v1/namespaces/peer/leases/made-by-put';
  await comparison.compare('of a lease that is not', {
    method: 'PUT',
    path: `${lease}?dryRun=All`,
    body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'made-by-put' } },
  });
}

async function deletions(comparison: Comparison): Promise<void> {
  const path = `${maps}/verbs-1`;
  const options = (more: object) => ({ apiVersion: 'v1', kind: 'DeleteOptions', dryRun: ['All'], ...more });
  const bodies: Readonly<Record<string, unknown>> = {
    'a dry run': options({}),
    'another uid': options({ preconditions: { uid: 'other' } }),
    'an old version': options({ preconditions: { resourceVersion: '1' } }),
    'a bad version': options({ preconditions: { resourceVersion: 'x' } }),
    'a bad propagation': options({ propagationPolicy: 'What' }),
    'two ways': options({ propagationPolicy: 'Orphan', orphanDependents: true }),
    foreground: options({ propagationPolicy: 'Foreground' }),
    orphans: options({ orphanDependents: true }),
    'negative grace': options({ gracePeriodSeconds: -5 }),
    'a grace period': options({ gracePeriodSeconds: 30 }),
    'a bad grace period': options({ gracePeriodSeconds: 'x' }),
    'a bad dry run': options({ dryRun: ['Some'] }),
    'another kind': { apiVersion: 'v1', kind: 'ConfigMap', dryRun: ['All'] },
    'another group': { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions', dryRun: ['All'] },
    'an unknown group': { apiVersion: 'example.com/v1', kind: 'DeleteOptions', dryRun: ['All'] },
    'no kind': { dryRun: ['All'] },
    'an unknown field': options({ what: 1 }),
    'ignoring reading errors': options({ ignoreStoreReadErrorWithClusterBreakingPotential: true }),
  };
  for (const [title, body] of Object.entries(bodies))
    await comparison.compare(title, { method: 'DELETE', path, body });
  await comparison.compare('no JSON', { method: 'DELETE', path: `${path}?dryRun=All`, body: '{' });
  for (const query of [
    'gracePeriodSeconds=x',
    'gracePeriodSeconds=-1',
    'propagationPolicy=What',
    'orphanDependents=x',
    'dryRun=Some',
    'propagationPolicy=Foreground',
    'orphanDependents=true&propagationPolicy=Orphan',
    'preconditions=x',
  ])
    await comparison.compare(`?${query}`, {
      method: 'DELETE',
      path: `${path}?${query.startsWith('dryRun') ? '' : 'dryRun=All&'}${query}`,
    });
  await comparison.compare('nothing', { method: 'DELETE', path: `${maps}/none-such` });
  await comparison.compare('a collection', {
    method: 'DELETE',
    path: `${maps}?labelSelector=kind%3Dverbs&dryRun=All`,
  });
  await comparison.compare('a collection with a bad limit', {
    method: 'DELETE',
    path: `${maps}?labelSelector=kind%3Dverbs&dryRun=All&limit=x`,
  });
  await comparison.compare('a collection of namespaces', {
    method: 'DELETE',
    path: '/api/v1/namespaces?dryRun=All',
  });
  await comparison.compare('a collection of services', {
    method: 'DELETE',
    path: `/api/v1/namespaces/${namespace}/services?dryRun=All&labelSelector=none%3Dsuch`,
  });
  await comparison.compare('the namespace default', {
    method: 'DELETE',
    path: '/api/v1/namespaces/default?dryRun=All',
  });
  await comparison.compare('the namespace kube-system', {
    method: 'DELETE',
    path: '/api/v1/namespaces/kube-system?dryRun=All',
  });
  await comparison.compare('a system priority class', {
    method: 'DELETE',
    path: '/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical?dryRun=All',
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'going' },
    spec: { containers: [{ name: 'a', image: 'b' }] },
  };
  await comparison.both('pod', { method: 'POST', path: pods, body: pod });
  for (const [title, call] of Object.entries<SidedCall>({
    'eviction in a dry run': {
      method: 'POST',
      path: `${pods}/going/eviction?dryRun=All`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'going' } },
    },
    'eviction of another': {
      method: 'POST',
      path: `${pods}/going/eviction?dryRun=All`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'other' } },
    },
    'eviction of nothing': {
      method: 'POST',
      path: `${pods}/none-such/eviction`,
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'none-such' } },
    },
    'eviction without kind': { method: 'POST', path: `${pods}/going/eviction?dryRun=All`, body: {} },
    'binding to nothing': {
      method: 'POST',
      path: `${pods}/going/binding?dryRun=All`,
      body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'going' }, target: {} },
    },
    'binding to a pod': {
      method: 'POST',
      path: `${pods}/going/binding?dryRun=All`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Pod', name: 'x' },
      },
    },
    binding: {
      method: 'POST',
      path: `${pods}/going/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Node', name: 'x' },
      },
    },
    'binding again': {
      method: 'POST',
      path: `${pods}/going/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'going' },
        target: { kind: 'Node', name: 'y' },
      },
    },
    'delete with a node': { method: 'DELETE', path: `${pods}/going` },
    'while it goes': { method: 'GET', path: `${pods}/going` },
    'delete again': { method: 'DELETE', path: `${pods}/going` },
    'a finalizer while it goes': {
      method: 'PATCH',
      path: `${pods}/going`,
      body: { metadata: { finalizers: ['example.com/x'] } },
      headers: merge,
    },
    'at once': { method: 'DELETE', path: `${pods}/going?gracePeriodSeconds=0` },
    token: {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 1 } },
    },
    'token for nothing': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/none-such/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    },
    'token bound to nothing': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none-such' } },
      },
    },
    'token bound to a kind that cannot be': {
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { boundObjectRef: { kind: 'Thing', apiVersion: 'v1', name: 'x' } },
      },
    },
  }))
    await comparison.compare(title, call);
}

async function paths(comparison: Comparison): Promise<void> {
  const asked = [
    'GET /',
    'GET /nothing',
    'GET /api/v2',
    'GET /api/v1/things',
    'GET /api/v1/namespaces/peer/things',
    'GET /api/v1/namespaces/peer/things/x',
    'GET /apis/example.com',
    'GET /apis/example.com/v1',
    'GET /apis/apps/v9',
    'GET /apis/apps/v1/things',
    `GET ${maps}/none-such`,
    `GET ${maps}/verbs-1/status`,
    `GET ${maps}/verbs-1/what/ever`,
    `GET ${maps}/`,
    `PUT ${maps}`,
    `PATCH ${maps}`,
    `POST ${maps}/verbs-1`,
    `HEAD ${maps}/verbs-1`,
    `HEAD ${maps}/none-such`,
    `OPTIONS ${maps}/verbs-1`,
    `TRACE ${maps}/verbs-1`,
    `WHAT ${maps}/verbs-1`,
    `GET ${pods}/none-such/binding`,
    `GET ${pods}/none-such/eviction`,
    `GET ${pods}/none-such/log`,
    `GET ${pods}/none-such/exec`,
    `GET ${pods}/none-such/proxy`,
    `GET ${pods}/none-such/ephemeralcontainers`,
    `PUT ${pods}/none-such/log`,
    `DELETE ${pods}/none-such/log`,
    `DELETE ${deployments}/verbs/status`,
    `DELETE ${deployments}/verbs/scale`,
    `POST ${deployments}/verbs/scale`,
    'GET /apis/authentication.k8s.io/v1/tokenreviews',
    'GET /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    'PUT /apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x',
    'GET /api/v1/componentstatuses/none-such',
    'POST /api/v1/componentstatuses',
    'POST /version',
    'DELETE /api',
    'POST /apis',
    'GET /api/v1/namespaces/peer/finalize',
    'GET /api/v1/nodes/none-such/proxy/',
    'GET /api/v1/proxy/nodes/x',
    'GET /api/v1/namespaces/none-such',
    'GET /api/v1/namespaces/none-such/configmaps',
    'GET /api/v1/namespaces/none-such/configmaps/x',
    'GET /api/v1/namespaces//configmaps',
    'GET /api/v1/configmaps/x',
    'POST /api/v1/configmaps',
    'DELETE /api/v1/configmaps',
    'GET /openapi/v3/apis/example.com/v1',
    'GET /metrics/nothing',
    'GET /logs/none-such',
    'GET /debug/pprof/none-such',
    'GET /debug/api_priority_and_fairness/none-such',
  ];
  for (const one of asked) {
    const [method = '', path = ''] = one.split(' ');
    const body = ['PUT', 'POST', 'PATCH'].includes(method) ? {} : undefined;
    await comparison.compare(one, { method, path, body, ...(method === 'PATCH' ? { headers: merge } : {}) });
  }
}
