/**
 * `@kubernetes/client-node` as programs use it: typed calls, every form of patch, an informer that lists, follows and
 * goes on after its connection was cut, a watch that is resumed where it ended, and a process run in a pod.
 */
import {
  type Informer,
  type ObjectCache,
  ApiException,
  CoreV1Api,
  CustomObjectsApi,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { until } from '../../acceptance/wait.ts';

const deadlineMs = 120_000;

export interface Program {
  readonly name: string;
  readonly needsNodes: boolean;
  readonly run: (config: KubeConfig, namespace: string) => Promise<void>;
}

export function configFrom(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

const patched = (strategy: PatchStrategy): ReturnType<typeof setHeaderOptions> =>
  setHeaderOptions('Content-Type', strategy);

async function calls(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const body: V1ConfigMap = { metadata: { name: 'typed' }, data: { a: '1' } };
  const made = await core.createNamespacedConfigMap({ namespace, body });
  assert.ok(made.metadata?.creationTimestamp instanceof Date, 'times are dates');
  await assert.rejects(
    core.createNamespacedConfigMap({ namespace, body }),
    (error: unknown) =>
      error instanceof ApiException &&
      error.code === 409 &&
      (JSON.parse(String(error.body)) as V1Status).reason === 'AlreadyExists',
  );
  const replaced = await core.replaceNamespacedConfigMap({
    namespace,
    name: 'typed',
    body: Object.assign(made, { data: { a: '2' } }),
  });
  assert.deepEqual(replaced.data, { a: '2' });
  await assert.rejects(
    core.replaceNamespacedConfigMap({
      namespace,
      name: 'typed',
      body: Object.assign(made, { data: { a: '3' } }),
    }),
    (error: unknown) => error instanceof ApiException && error.code === 409,
    'an old version is refused',
  );
  const { items } = await core.listNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=typed' });
  assert.deepEqual(
    items.map(({ data }) => data),
    [{ a: '2' }],
  );
  const pages: string[] = [];
  for (let _continue: string | undefined; ;) {
    const page = await core.listNamespacedConfigMap({
      namespace,
      limit: 1,
      ...(_continue === undefined ? {} : { _continue }),
    });
    pages.push(...page.items.map(({ metadata }) => metadata?.name ?? ''));
    _continue = page.metadata?._continue;
    if (_continue === undefined || _continue === '') break;
  }
  assert.ok(pages.includes('typed') && pages.includes('kube-root-ca.crt'), `pages hold ${pages.join(', ')}`);
  await core.deleteNamespacedConfigMap({ namespace, name: 'typed' });
  await assert.rejects(
    core.readNamespacedConfigMap({ namespace, name: 'typed' }),
    (error: unknown) => error instanceof ApiException && error.code === 404,
  );
}

async function patches(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const name = 'patched';
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { a: '1' } } });
  const merge = await core.patchNamespacedConfigMap(
    { namespace, name, body: { data: { b: '2' } } },
    patched(PatchStrategy.MergePatch),
  );
  assert.deepEqual(merge.data, { a: '1', b: '2' });
  const json = await core.patchNamespacedConfigMap(
    { namespace, name, body: [{ op: 'remove', path: '/data/a' }] },
    patched(PatchStrategy.JsonPatch),
  );
  assert.deepEqual(json.data, { b: '2' });
  const strategic = await core.patchNamespacedConfigMap(
    { namespace, name, body: { metadata: { finalizers: ['example.com/a'] } } },
    patched(PatchStrategy.StrategicMergePatch),
  );
  assert.deepEqual(strategic.metadata?.finalizers, ['example.com/a']);
  const again = await core.patchNamespacedConfigMap(
    { namespace, name, body: { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] } } },
    patched(PatchStrategy.StrategicMergePatch),
  );
  assert.equal(again.metadata?.finalizers, undefined);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const applied = await objects.patch<V1ConfigMap>(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { c: '3' } },
    undefined,
    undefined,
    'program',
    true,
    PatchStrategy.ServerSideApply,
  );
  assert.deepEqual(applied.data, { b: '2', c: '3' });
  assert.ok(
    applied.metadata?.managedFields?.some(
      ({ manager, operation }) => manager === 'program' && operation === 'Apply',
    ),
  );
  await assert.rejects(
    core.patchNamespacedConfigMap(
      { namespace, name, body: [{ op: 'test', path: '/data/b', value: 'x' }] },
      patched(PatchStrategy.JsonPatch),
    ),
    (error: unknown) => error instanceof ApiException && error.code === 422,
  );
  await objects.delete({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } });
}

async function informers(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const label = 'watched=yes';
  const make = (name: string): Promise<V1ConfigMap> =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { watched: 'yes' } } } });
  await make('before');
  const informer: Informer<V1ConfigMap> & ObjectCache<V1ConfigMap> = makeInformer<V1ConfigMap>(
    config,
    `/api/v1/namespaces/${namespace}/configmaps`,
    () => core.listNamespacedConfigMap({ namespace, labelSelector: label }),
    label,
  );
  const expected = ['add before', 'add during', 'update during', 'delete before'];
  const seen: string[] = [];
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, ({ metadata }) => {
      seen.push(`${verb} ${metadata?.name ?? ''}`);
      if (expected.every((one) => seen.includes(one))) resolve();
    });
  // As programs do: whatever ended the watch, it begins again.
  let ended = false;
  informer.on('error', () => {
    if (!ended) void informer.start();
  });
  await informer.start();
  try {
    assert.equal(informer.get('before', namespace)?.metadata?.name, 'before');
    await make('during');
    await core.patchNamespacedConfigMap(
      { namespace, name: 'during', body: { data: { a: 'b' } } },
      patched(PatchStrategy.MergePatch),
    );
    await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
    const late = setTimeout(() => reject(new Error(`the informer saw ${seen.join(', ')}`)), deadlineMs);
    await complete.finally(() => clearTimeout(late));
    assert.deepEqual(
      informer.list(namespace).map(({ metadata }) => metadata?.name),
      ['during'],
    );
  } finally {
    ended = true;
    await informer.stop();
  }
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: label });
}

async function resumedWatch(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const watch = new Watch(config);
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const make = async (name: string): Promise<string> =>
    (
      await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name, labels: { resumed: 'yes' } } },
      })
    ).metadata?.resourceVersion ?? '';
  const first = await make('first');
  // While nobody watches.
  await make('second');
  const seen: string[] = [];
  const query = { labelSelector: 'resumed=yes', resourceVersion: first, allowWatchBookmarks: true };
  const controller = await watch.watch(
    path,
    query,
    (phase, object: V1ConfigMap) => seen.push(`${phase} ${object.metadata?.name ?? ''}`),
    () => undefined,
  );
  await make('third');
  try {
    await until('a resumed watch shows what came since, in order', deadlineMs, () =>
      seen.filter((one) => !one.startsWith('BOOKMARK')).join() === 'ADDED second,ADDED third'
        ? true
        : undefined,
    ).catch((error: unknown) => {
      throw new Error(`the watch showed ${seen.join(', ')}`, { cause: error });
    });
  } finally {
    controller.abort();
  }
  const ends = new Promise<void>((resolve, reject) => {
    void watch
      .watch(
        path,
        { resourceVersion: first, timeoutSeconds: 1 },
        () => undefined,
        (error: unknown) =>
          error === undefined || error === null || error === Watch.SERVER_SIDE_CLOSE
            ? resolve()
            : reject(error instanceof Error ? error : new Error(String(error))),
      )
      .catch(reject);
  });
  await ends;
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'resumed=yes' });
}

async function customObjects(config: KubeConfig, namespace: string): Promise<void> {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'bulbs.programs.example.com' },
    spec: {
      group: 'programs.example.com',
      scope: 'Namespaced',
      names: { plural: 'bulbs', kind: 'Bulb' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: { type: 'object', properties: { watts: { type: 'integer' } } },
                status: { type: 'object', properties: { lit: { type: 'boolean' } } },
              },
            },
          },
        },
      ],
    },
  };
  await objects.create(definition);
  try {
    const custom = config.makeApiClient(CustomObjectsApi);
    const place = { group: 'programs.example.com', version: 'v1', namespace, plural: 'bulbs' };
    const body = {
      apiVersion: 'programs.example.com/v1',
      kind: 'Bulb',
      metadata: { name: 'one' },
      spec: { watts: 5 },
    };
    await until('the kind is served', deadlineMs, async () => {
      await custom.listNamespacedCustomObject(place);
      return true;
    });
    await custom.createNamespacedCustomObject({ ...place, body });
    const status = { ...body, status: { lit: true } };
    await custom.patchNamespacedCustomObjectStatus(
      { ...place, name: 'one', body: status },
      patched(PatchStrategy.MergePatch),
    );
    const one = (await custom.getNamespacedCustomObject({ ...place, name: 'one' })) as { status?: unknown };
    assert.deepEqual(one.status, { lit: true });
    await custom.deleteNamespacedCustomObject({ ...place, name: 'one' });
  } finally {
    await objects.delete({ ...definition });
  }
}

async function exec(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const container = {
    name: 'c',
    image: 'timonier.local/demo:latest',
    imagePullPolicy: 'IfNotPresent',
  };
  const body = {
    metadata: { name: 'runs' },
    spec: { containers: [container], terminationGracePeriodSeconds: 1 },
  };
  await core.createNamespacedPod({ namespace, body });
  await until('the pod runs', 60_000, async () => {
    const { status } = await core.readNamespacedPod({ namespace, name: 'runs' });
    return status?.phase === 'Running' ? true : undefined;
  });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const said = { out: '', err: '' };
  stdout.on('data', (chunk) => (said.out += String(chunk)));
  stderr.on('data', (chunk) => (said.err += String(chunk)));
  const command = ['sh', '-c', 'read line; echo "got $line"; echo oops >&2; exit 3'];
  const status = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, 'runs', 'c', command, stdout, stderr, Readable.from(['typed\n']), false, resolve)
      .catch(reject);
  });
  assert.equal(status.status, 'Failure');
  assert.equal(status.reason, 'NonZeroExitCode');
  assert.deepEqual(
    status.details?.causes?.map(({ reason, message }) => [reason, message]),
    [['ExitCode', '3']],
  );
  await until('all output is there', deadlineMs, () =>
    said.out === 'got typed\n' && said.err === 'oops\n' ? true : undefined,
  );
  assert.match(await core.readNamespacedPodLog({ namespace, name: 'runs' }), /listens on port/);
  await core.deleteNamespacedPod({ namespace, name: 'runs' });
}

export const programs: readonly Program[] = [
  { name: 'typed calls, conflicts and pages', needsNodes: false, run: calls },
  { name: 'every form of patch', needsNodes: false, run: patches },
  { name: 'an informer', needsNodes: false, run: informers },
  { name: 'a watch that is resumed, and one that ends', needsNodes: false, run: resumedWatch },
  { name: 'custom objects', needsNodes: false, run: customObjects },
  { name: 'a process in a pod', needsNodes: true, run: exec },
];
