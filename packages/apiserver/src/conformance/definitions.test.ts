/** Custom resources, as the conformance tests define, find, check and watch them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { kubectlFor, succeeding } from '../testing/kubectl.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const merge = patchAs('merge-patch+json');
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

interface Version {
  readonly name: string;
  readonly schema?: object;
  readonly more?: object;
}

interface Kind {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  readonly versions: readonly Version[];
}

/** Defines a kind and waits until it is served. */
async function define({ group, plural, kind, versions }: Kind): Promise<string> {
  const name = `${plural}.${group}`;
  await shared.ask(201, 'POST', definitions, {
    metadata: { name },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map(({ name: version, schema = open, more = {} }, i) => ({
        name: version,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: schema },
        ...more,
      })),
    },
  });
  const path = `/apis/${group}/${versions[0]?.name}/namespaces/default/${plural}`;
  await until(async () => (await shared.server.request('GET', path)).status === 200, `${name} is served`);
  return path;
}

async function published(group: string, version: string): Promise<string> {
  const answer = await shared.server.request('GET', `/openapi/v3/apis/${group}/${version}`);
  return answer.status === 200 ? answer.body.toString() : '';
}

const simple = {
  type: 'object',
  properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
};

// Conformance: CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works
// Conformance: CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works
// Conformance: CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works
test('definitions are made, listed, told about in their status, and deleted with a collection', async () => {
  for (const plural of ['sloops', 'ketches'])
    await define({
      group: 'life.example.com',
      plural,
      kind: plural === 'sloops' ? 'Sloop' : 'Ketch',
      versions: [{ name: 'v1' }],
    });
  const { items } = await shared.ask(200, 'GET', definitions);
  const names = items.map((item: { metadata: { name: string } }) => item.metadata.name);
  assert.ok(names.includes('sloops.life.example.com') && names.includes('ketches.life.example.com'));
  const path = `${definitions}/sloops.life.example.com`;
  const status = await shared.ask(200, 'GET', `${path}/status`);
  const condition = {
    type: 'StatusUpdate',
    status: 'True',
    reason: 'E2E',
    message: 'set by a test',
    lastTransitionTime: '2026-01-02T03:04:05Z',
  };
  status.status.conditions.push(condition);
  const updated = await shared.ask(200, 'PUT', `${path}/status`, status);
  assert.ok(updated.status.conditions.some(({ type }: { type: string }) => type === 'StatusUpdate'));
  const patched = await shared.ask(
    200,
    'PATCH',
    `${path}/status`,
    { metadata: { labels: { patched: 'yes' } } },
    merge,
  );
  assert.equal(patched.metadata.name, 'sloops.life.example.com');
  for (const plural of ['sloops', 'ketches'])
    await shared.ask(200, 'DELETE', `${definitions}/${plural}.life.example.com`);
  await until(
    async () => (await shared.server.request('GET', path)).status === 404,
    'the definition has gone',
  );
});

// Conformance: CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents
// Conformance: AggregatedDiscovery should support aggregated discovery interface for CRDs
// Conformance: AggregatedDiscovery should support raw aggregated discovery request for CRDs
test('definitions, and the kinds they define, are found in both forms of discovery', async () => {
  await define({ group: 'found.example.com', plural: 'yawls', kind: 'Yawl', versions: [{ name: 'v1' }] });
  const { groups } = await shared.ask(200, 'GET', '/apis');
  const names = groups.map(({ name }: { name: string }) => name);
  assert.ok(names.includes('apiextensions.k8s.io') && names.includes('found.example.com'));
  const { resources } = await shared.ask(200, 'GET', '/apis/apiextensions.k8s.io/v1');
  assert.ok(resources.some(({ name }: { name: string }) => name === 'customresourcedefinitions'));
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const document = await shared.ask(200, 'GET', '/apis', undefined, { headers: { accept } });
  const group = document.items.find(
    (item: { metadata: { name: string } }) => item.metadata.name === 'found.example.com',
  );
  const [yawl] = group.versions[0].resources;
  assert.deepEqual([yawl.resource, yawl.responseKind.kind, yawl.scope], ['yawls', 'Yawl', 'Namespaced']);
});

// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD with validation schema
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD without validation schema
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of different groups
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group and version but different kinds
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for multiple CRDs of same group but different versions
test('every kind and version of every group is published with its own schema', async () => {
  await define({
    group: 'one.example.com',
    plural: 'dhows',
    kind: 'Dhow',
    versions: [{ name: 'v1', schema: simple }, { name: 'v2' }],
  });
  await define({ group: 'one.example.com', plural: 'junks', kind: 'Junk', versions: [{ name: 'v1' }] });
  await define({ group: 'two.example.com', plural: 'dhows', kind: 'Dhow', versions: [{ name: 'v1' }] });
  const v1 = await published('one.example.com', 'v1');
  const schemas = JSON.parse(v1).components.schemas;
  assert.equal(schemas['com.example.one.v1.Dhow'].properties.spec.properties.a.type, 'string');
  assert.ok(schemas['com.example.one.v1.Junk']);
  assert.ok(
    JSON.parse(await published('one.example.com', 'v2')).components.schemas['com.example.one.v2.Dhow'],
  );
  assert.ok(
    JSON.parse(await published('two.example.com', 'v1')).components.schemas['com.example.two.v1.Dhow'],
  );
  const swagger = await shared.ask(200, 'GET', '/openapi/v2');
  for (const name of [
    'com.example.one.v1.Dhow',
    'com.example.one.v2.Dhow',
    'com.example.one.v1.Junk',
    'com.example.two.v1.Dhow',
  ])
    assert.ok(swagger.definitions[name], name);
});

// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] removes definition from spec when one version gets changed to not be served
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] updates the published spec when one version gets renamed
test('what is published follows versions that are renamed or not served any more', async () => {
  await define({
    group: 'turn.example.com',
    plural: 'prams',
    kind: 'Pram',
    versions: [{ name: 'v2' }, { name: 'v3' }],
  });
  const path = `${definitions}/prams.turn.example.com`;
  const rename = async (change: (versions: { name: string; served: boolean }[]) => void): Promise<void> => {
    const definition = await shared.ask(200, 'GET', path);
    change(definition.spec.versions);
    await shared.ask(200, 'PUT', path, definition);
  };
  await rename((versions) => {
    if (versions[1] !== undefined) versions[1].name = 'v4';
  });
  await until(
    async () => (await published('turn.example.com', 'v4')).includes('com.example.turn.v4.Pram'),
    'v4 is published',
  );
  assert.equal(await published('turn.example.com', 'v3'), '');
  await rename((versions) => {
    if (versions[1] !== undefined) versions[1].served = false;
  });
  await until(async () => (await published('turn.example.com', 'v4')) === '', 'v4 is not published any more');
  assert.ok((await published('turn.example.com', 'v2')).includes('com.example.turn.v2.Pram'));
});

// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields at the schema root
// Conformance: CustomResourcePublishOpenAPI [Privileged:ClusterAdmin] works for CRD preserving unknown fields in an embedded object
test('what a schema keeps, at its root or in an embedded object, kubectl creates, applies and explains', async (t) => {
  const group = 'keep.example.com';
  const kept = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const embedded = { ...kept, 'x-kubernetes-embedded-resource': true };
  const known = { type: 'string', description: 'What is known of a barge.' };
  const properties = { spec: { type: 'object', properties: { known } } };
  await define({
    group,
    plural: 'barges',
    kind: 'Barge',
    versions: [{ name: 'v1', schema: { ...kept, properties } }],
  });
  await define({
    group,
    plural: 'lighters',
    kind: 'Lighter',
    versions: [{ name: 'v1', schema: { type: 'object', properties: { spec: embedded } } }],
  });
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'inner' }, anything: { goes: [1] } };
  const objects = [
    { apiVersion: `${group}/v1`, kind: 'Barge', metadata: { name: 'a' }, dummy: { goes: 1 } },
    { apiVersion: `${group}/v1`, kind: 'Lighter', metadata: { name: 'a' }, spec: pod },
  ];
  const kubectl = await kubectlFor(t, 'v35', shared.server.kubeconfig);
  const ok = succeeding(kubectl);
  for (const object of objects) {
    const sent = JSON.stringify(object);
    assert.match(await ok('create -f -', sent), /created/);
    const plural = `${object.kind.toLowerCase()}s`;
    const stored = await shared.ask(200, 'GET', `/apis/${group}/v1/namespaces/default/${plural}/a`);
    assert.deepEqual({ ...stored, metadata: { name: 'a' } }, object);
    assert.match(await ok('apply -f -', sent), /configured|unchanged/);
    assert.match(await ok('delete -f -', sent), /deleted/);
    assert.match(await ok(`explain ${plural}`), new RegExp(`KIND: +${object.kind}\\nVERSION: +v1`));
  }
  const { definitions: swagger } = await shared.ask(200, 'GET', '/openapi/v2');
  // Clients that read this document would refuse what it does not name.
  assert.deepEqual(swagger['com.example.keep.v1.Barge'], {
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group, version: 'v1', kind: 'Barge' }],
  });
  const { schemas } = JSON.parse(await published(group, 'v1')).components;
  assert.equal(
    schemas['com.example.keep.v1.Lighter'].properties.spec['x-kubernetes-embedded-resource'],
    true,
  );
});

const strict = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        foo: { type: 'string' },
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    },
  },
};

// Conformance: FieldValidation should create/apply a valid CR for CRD with validation schema
// Conformance: FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema
// Conformance: FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema
// Conformance: FieldValidation should detect duplicates in a CR when preserving unknown fields
// Conformance: FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR
test('unknown and doubled fields of custom resources are refused where the schema does not keep them', async () => {
  const path = await define({
    group: 'strict.example.com',
    plural: 'tugs',
    kind: 'Tug',
    versions: [{ name: 'v1', schema: strict }],
  });
  const apply = patchAs('apply-patch+yaml');
  const tug = (name: string, spec: object, meta: object = {}): object => ({
    apiVersion: 'strict.example.com/v1',
    kind: 'Tug',
    metadata: { name, ...meta },
    spec,
  });
  const applied = `fieldManager=t&fieldValidation=Strict`;
  await shared.ask(201, 'POST', `${path}?fieldValidation=Strict`, tug('a', { foo: 'bar' }));
  await shared.ask(201, 'PATCH', `${path}/b?${applied}`, tug('b', { foo: 'bar' }), apply);
  const extra = await shared.ask(
    400,
    'POST',
    `${path}?fieldValidation=Strict`,
    tug('c', { foo: 'bar', extra: 1 }),
  );
  assert.match(extra.message, /unknown field "spec.extra"/);
  await shared.ask(400, 'PATCH', `${path}/d?${applied}`, tug('d', { extra: 1 }), apply);
  const meta = await shared.ask(
    400,
    'POST',
    `${path}?fieldValidation=Strict`,
    tug('e', {}, { unknownMeta: 'x' }),
  );
  assert.match(meta.message, /unknown field "metadata.unknownMeta"/);
  const template = { apiVersion: 'foo/v1', kind: 'Sub', metadata: { name: 'x', unknownSubMeta: 'y' } };
  const inside = await shared.ask(400, 'POST', `${path}?fieldValidation=Strict`, tug('f', { template }));
  assert.match(inside.message, /unknown field "spec.template.metadata.unknownSubMeta"/);
  const free = await define({
    group: 'strict.example.com',
    plural: 'rafts',
    kind: 'Raft',
    versions: [{ name: 'v1' }],
  });
  const raft = {
    apiVersion: 'strict.example.com/v1',
    kind: 'Raft',
    metadata: { name: 'a' },
    anything: { goes: 1 },
  };
  const kept = await shared.ask(201, 'POST', `${free}?fieldValidation=Strict`, raft);
  assert.deepEqual(kept.anything, { goes: 1 });
  const doubled =
    '{"apiVersion":"strict.example.com/v1","kind":"Raft","metadata":{"name":"b"},"spec":{"x":1,"x":2}}';
  const twice = await shared.ask(400, 'POST', `${free}?fieldValidation=Strict`, doubled);
  assert.match(twice.message, /duplicate field "spec.x"/);
});

// Conformance: CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector
test('custom resources are listed and watched by the fields that their definition makes selectable', async () => {
  const schema = { type: 'object', properties: { hostPort: { type: 'string' } } };
  const path = await define({
    group: 'select.example.com',
    plural: 'ports',
    kind: 'Port',
    versions: [{ name: 'v1', schema, more: { selectableFields: [{ jsonPath: '.hostPort' }] } }],
  });
  const made = (name: string, hostPort: string): object => ({
    apiVersion: 'select.example.com/v1',
    kind: 'Port',
    metadata: { name },
    hostPort,
  });
  const first = await shared.ask(201, 'POST', path, made('a', 'host1:80'));
  await shared.ask(201, 'POST', path, made('b', 'host2:80'));
  const query = 'fieldSelector=hostPort%3Dhost2:80';
  const { items } = await shared.ask(200, 'GET', `${path}?${query}`);
  assert.deepEqual(
    items.map((item: { metadata: { name: string } }) => item.metadata.name),
    ['b'],
  );
  await shared.ask(200, 'PATCH', `${path}/b`, { hostPort: 'host1:80' }, merge);
  const stop = new AbortController();
  const types: string[] = [];
  for await (const { type } of shared.server.watch(
    `${path}?watch=1&${query}&resourceVersion=${first.metadata.resourceVersion}`,
    stop.signal,
  )) {
    types.push(type);
    if (types.length === 2) break;
  }
  stop.abort();
  assert.deepEqual(types, ['ADDED', 'DELETED'], 'what ceases to match has gone for its watcher');
});

// Conformance: CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects
test('custom resources are watched by name from their creation to their deletion', async () => {
  const path = await define({
    group: 'watch.example.com',
    plural: 'wherries',
    kind: 'Wherry',
    versions: [{ name: 'v1' }],
  });
  const from = (await shared.ask(200, 'GET', path)).metadata.resourceVersion as string;
  for (const name of ['a', 'b']) {
    await shared.ask(201, 'POST', path, {
      apiVersion: 'watch.example.com/v1',
      kind: 'Wherry',
      metadata: { name },
    });
    await shared.ask(200, 'PATCH', `${path}/${name}`, { metadata: { labels: { x: 'y' } } }, merge);
    await shared.ask(200, 'DELETE', `${path}/${name}`);
  }
  for (const name of ['a', 'b']) {
    const stop = new AbortController();
    const types: string[] = [];
    const query = `watch=1&resourceVersion=${from}&fieldSelector=metadata.name%3D${name}`;
    for await (const { type } of shared.server.watch(`${path}?${query}`, stop.signal)) {
      types.push(type);
      if (type === 'DELETED') break;
    }
    stop.abort();
    assert.deepEqual(types, ['ADDED', 'MODIFIED', 'DELETED']);
  }
});

// Conformance: CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works
test('defaults of a schema are filled into what is sent, and into what was stored before there were any', async () => {
  const path = await define({
    group: 'default.example.com',
    plural: 'buoys',
    kind: 'Buoy',
    versions: [
      {
        name: 'v1',
        schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
      },
    ],
  });
  const buoy = (name: string): object => ({
    apiVersion: 'default.example.com/v1',
    kind: 'Buoy',
    metadata: { name },
  });
  await shared.ask(201, 'POST', path, buoy('before'));
  const definition = await shared.ask(200, 'GET', `${definitions}/buoys.default.example.com`);
  definition.spec.versions[0].schema.openAPIV3Schema.properties.a.default = 'A';
  await shared.ask(200, 'PUT', `${definitions}/buoys.default.example.com`, definition);
  await until(
    async () => (await shared.ask(200, 'GET', `${path}/before`)).a === 'A',
    'the stored one shows the default',
  );
  const after = await shared.ask(201, 'POST', path, buoy('after'));
  assert.equal(after.a, 'A');
  assert.equal(after.b, undefined);
});
