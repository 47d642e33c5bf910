import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openapiV2, openapiV3 } from '../openapi.ts';
import { registry } from '../registry.ts';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly 'x-kubernetes-action': string;
  readonly parameters: readonly { readonly name: string }[];
  readonly responses: Readonly<Record<string, { readonly schema?: { readonly $ref: string } }>>;
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const options = { registry, served: () => true };
const v3 = (group: string, version: string): Paths =>
  (openapiV3(options, { group, version }) as { paths: Paths }).paths;
const names = (paths: Paths, path: string): readonly string[] =>
  ['get', 'post', 'put', 'patch', 'delete'].flatMap((method) => paths[path]?.[method]?.operationId ?? []);

test('operations are called what generated clients call them', () => {
  const core = v3('', 'v1');
  const maps = '/api/v1/namespaces/{namespace}/configmaps';
  assert.deepEqual(names(core, maps), [
    'listCoreV1NamespacedConfigMap',
    'createCoreV1NamespacedConfigMap',
    'deleteCoreV1CollectionNamespacedConfigMap',
  ]);
  assert.deepEqual(names(core, `${maps}/{name}`), [
    'readCoreV1NamespacedConfigMap',
    'replaceCoreV1NamespacedConfigMap',
    'patchCoreV1NamespacedConfigMap',
    'deleteCoreV1NamespacedConfigMap',
  ]);
  assert.deepEqual(names(core, '/api/v1/configmaps'), ['listCoreV1ConfigMapForAllNamespaces']);
  assert.deepEqual(names(core, '/api/v1/namespaces/{namespace}/pods/{name}/exec'), [
    'connectCoreV1GetNamespacedPodExec',
    'connectCoreV1PostNamespacedPodExec',
  ]);
  // A subresource is called after the resource, whatever its own kind is of.
  const apps = v3('apps', 'v1');
  assert.equal(
    names(apps, '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale')[0],
    'readAppsV1NamespacedDeploymentScale',
  );
  const roles = v3('rbac.authorization.k8s.io', 'v1')['/apis/rbac.authorization.k8s.io/v1/clusterroles']?.[
    'get'
  ];
  assert.equal(roles?.operationId, 'listRbacAuthorizationV1ClusterRole');
  assert.deepEqual(roles.tags, ['rbacAuthorization_v1']);
});

test('what all operations of a path take stands with the path, and every operation can be refused', () => {
  const item = v3('', 'v1')['/api/v1/namespaces/{namespace}/configmaps/{name}'];
  const shared = item?.['parameters'] as unknown as readonly { name: string }[];
  assert.deepEqual(shared.map(({ name }) => name).sort(), ['name', 'namespace', 'pretty']);
  assert.deepEqual(item?.['patch']?.parameters.map(({ name }) => name).sort(), [
    'dryRun',
    'fieldManager',
    'fieldValidation',
    'force',
  ]);
  assert.deepEqual(Object.keys(item?.['patch']?.responses ?? {}), ['200', '201', '401']);
  assert.deepEqual(Object.keys(item?.['delete']?.responses ?? {}), ['200', '202', '401']);
  assert.deepEqual(Object.keys(item?.['put']?.requestBody?.content ?? {}), ['*/*']);
});

test('most deletions are answered with a Status, and some with what was deleted', () => {
  const { paths } = openapiV2(options) as { paths: Paths };
  const answer = (plural: string): string | undefined =>
    paths[`/api/v1/namespaces/{namespace}/${plural}/{name}`]?.['delete']?.responses['200']?.schema?.$ref
      .split('.')
      .at(-1);
  assert.deepEqual(['configmaps', 'pods', 'secrets', 'services'].map(answer), [
    'Status',
    'Pod',
    'Status',
    'Service',
  ]);
});

test('a group says where it is discovered, and what is watched at the old paths', () => {
  const core = v3('', 'v1');
  assert.deepEqual(names(core, '/api/v1/'), ['getCoreV1APIResources']);
  assert.deepEqual(names(core, '/api/v1/watch/pods'), ['watchCoreV1PodListForAllNamespaces']);
  assert.deepEqual(names(core, '/api/v1/watch/namespaces/{namespace}/pods'), [
    'watchCoreV1NamespacedPodList',
  ]);
  assert.deepEqual(names(core, '/api/v1/watch/nodes/{name}'), ['watchCoreV1Node']);
});

test('streams take the fields of their options, and what is passed on takes any path', () => {
  const core = v3('', 'v1');
  const pod = '/api/v1/namespaces/{namespace}/pods/{name}';
  const parameters = (path: string): readonly string[] =>
    ((core[path] as unknown as { parameters: { name: string }[] }).parameters ?? []).map(({ name }) => name);
  assert.deepEqual(parameters(`${pod}/exec`).slice(2), [
    'stdin',
    'stdout',
    'stderr',
    'tty',
    'container',
    'command',
  ]);
  assert.ok(!parameters(`${pod}/log`).includes('sinceTime'));
  assert.equal(
    core[`${pod}/proxy/{path}`]?.['head']?.operationId,
    'connectCoreV1HeadNamespacedPodProxyWithPath',
  );
});
