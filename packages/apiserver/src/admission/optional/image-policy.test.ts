import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClusterPki } from '@timonier/pki';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { startEtcd } from '../../testing/real-etcd.ts';
import { call, startServerProcess } from '../../testing/server-process.ts';
import { startWebhookService } from '../../testing/webhook-service.ts';
import { settingsOf } from '../configuration.ts';
import type { AdmissionRequest } from '../request.ts';
import { imagePolicyWebhook, type ImagePolicySettings } from './image-policy.ts';

const apiVersion = 'imagepolicy.k8s.io/v1alpha1';
const review = (status: object): object => ({ apiVersion, kind: 'ImageReview', status });
const configuration = (kubeConfigFile: string, more = ''): string => `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ImagePolicyWebhook
  configuration: {imagePolicy: {kubeConfigFile: ${JSON.stringify(kubeConfigFile)}${more}}}
`;

test('a service outside says whether the images of pods may run, and is asked once about the same ones', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-images-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const pki = await createClusterPki(directory, {
    masters: [{ name: 'master-1', address: '127.0.0.1' }],
    workers: [],
    serviceIp: '10.96.0.1',
  });
  const service = await startWebhookService(t, { pki, directory, name: 'images' });
  const file = join(directory, 'admission.yaml');
  await writeFile(file, configuration(service.kubeconfig, ', retryBackoff: 1'));
  const { endpoint } = await startEtcd(t);
  const server = await startServerProcess(
    t,
    endpoint,
    { 'admission-control-config-file': file, 'enable-admission-plugins': 'ImagePolicyWebhook' },
    pki,
  );
  const session = server.connect();
  const pods = '/api/v1/namespaces/default/pods';
  const pod = (name: string, image: string, annotations: object = {}): object => ({
    metadata: { name, annotations: { 'example.com/other': 'x', ...annotations } },
    spec: { containers: [{ name: 'c', image }], initContainers: [{ name: 'i', image: 'init' }] },
  });
  service.answer = ({ spec }) =>
    review({
      allowed: spec.containers.every(({ image }: { image: string }) => image !== 'bad'),
      reason: 'no',
    });

  const refused = await call(session, 'POST', pods, pod('a', 'bad'));
  assert.deepEqual(
    [refused.status, refused.json.message],
    [403, 'pods "a" is forbidden: image policy webhook backend denied one or more images: no'],
  );
  const annotation = { 'team.image-policy.k8s.io/ticket': '7' };
  assert.equal((await call(session, 'POST', pods, pod('a', 'good', annotation))).status, 201);
  assert.deepEqual(service.asked.at(-1), {
    apiVersion,
    kind: 'ImageReview',
    metadata: {},
    spec: {
      containers: [{ image: 'good' }, { image: 'init' }],
      annotations: annotation,
      namespace: 'default',
    },
    status: { allowed: false },
  });
  const asked = service.asked.length;
  assert.equal((await call(session, 'POST', pods, pod('b', 'good', annotation))).status, 201);
  assert.equal((await call(session, 'POST', pods, pod('c', 'bad'))).status, 403);
  assert.equal(service.asked.length, asked, 'what was answered holds, for the better and for the worse');

  const debug = { spec: { ephemeralContainers: [{ name: 'd', image: 'bad' }] } };
  const changed = await call(
    session,
    'PATCH',
    `${pods}/a/ephemeralcontainers`,
    debug,
    'application/strategic-merge-patch+json',
  );
  assert.equal(changed.status, 403, changed.text);
  assert.deepEqual(service.asked.at(-1).spec.containers, [{ image: 'bad' }]);

  service.answer = () => 500;
  const before = service.asked.length;
  const unasked = await call(session, 'POST', pods, pod('d', 'new'));
  assert.equal(unasked.status, 403);
  assert.match(unasked.json.message, /^pods "d" is forbidden: Post "https:.*": it answered 500$/);
  assert.equal(service.asked.length - before, 5, 'it is asked again when it says that it failed');
});

test('a server does not start when it is not told whom to ask', async (t) => {
  const { endpoint } = await startEtcd(t);
  await assert.rejects(
    startServerProcess(t, endpoint, { 'enable-admission-plugins': 'ImagePolicyWebhook' }),
    /ImagePolicyWebhook needs to be told whom to ask/,
  );
});

test('answers hold as long as is configured, and a configuration that is no good is told with its place', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-images-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1/' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  const read = (): Promise<string> => Promise.reject(new Error('no file is named'));
  const of = async (more: string): Promise<Omit<ImagePolicySettings, 'client'> | undefined> => {
    const { imagePolicy } = await settingsOf(configuration(kubeconfig, more), read);
    if (imagePolicy === undefined) return undefined;
    const { client: _, ...rest } = imagePolicy;
    return rest;
  };
  const usual = { allowMs: 300_000, denyMs: 30_000, retryMs: 500, defaultAllow: false };
  assert.deepEqual(await of(''), usual);
  assert.deepEqual(await of(', allowTTL: 0, denyTTL: 0, retryBackoff: 0'), usual);
  assert.deepEqual(await of(', allowTTL: 50, denyTTL: 1800, retryBackoff: 7, defaultAllow: true'), {
    allowMs: 50_000,
    denyMs: 1_800_000,
    retryMs: 7,
    defaultAllow: true,
  });
  assert.deepEqual(await of(', allowTTL: -1, denyTTL: -1, retryBackoff: -1'), {
    ...usual,
    allowMs: 0,
    denyMs: 0,
    retryMs: 0.001,
  });
  const wrong: Readonly<Record<string, string>> = {
    ', allowTTL: 1801': 'imagePolicy.allowTTL: valid value is between 1s and 30m0s, got 30m1s',
    ', denyTTL: -2': 'imagePolicy.denyTTL: valid value is between 1s and 30m0s, got -2s',
    ', retryBackoff: 300001': 'imagePolicy.retryBackoff: valid value is between 1ns and 5m0s, got 5m0.001s',
    ', retryBackoff: x': 'imagePolicy.retryBackoff: Invalid value: must be an integer',
    ', defaultAllow: 1': 'imagePolicy.defaultAllow: Invalid value: must be true or false',
  };
  for (const [more, message] of Object.entries(wrong))
    await assert.rejects(of(more), { message: `plugins[0] (ImagePolicyWebhook): ${message}` });
  await assert.rejects(settingsOf(configuration(''), read), /imagePolicy\.kubeConfigFile: Required value/);
  await assert.rejects(of(', what: 1'), /what/);
});

test('what nobody could be asked about is refused or let through as configured, and the audit log hears of it', async () => {
  let now = 0;
  let asked = 0;
  let answer = (): unknown => assert.fail('nobody is there');
  const annotations: Record<string, string> = {};
  const request = {
    operation: 'CREATE',
    object: { metadata: {}, spec: { containers: [{ name: 'c', image: 'i' }] } },
    context: {
      target: { namespace: 'n', name: 'p', subresource: '', info: { group: '', resource: 'pods' } },
      server: { now: () => now },
      annotate: (key: string, value: string) => void (annotations[key] = value),
    },
  } as unknown as AdmissionRequest;
  const plugin = (defaultAllow: boolean): (() => Promise<void>) => {
    const { validate } = imagePolicyWebhook({
      client: {
        post: () => {
          asked++;
          return new Promise((resolve) => resolve(answer()));
        },
      },
      allowMs: 10,
      denyMs: 5,
      retryMs: 1,
      defaultAllow,
    });
    return async () => validate?.(request);
  };
  await assert.rejects(plugin(false)(), { message: 'pods "p" is forbidden: nobody is there' });
  assert.equal(Object.keys(annotations).length, 0);
  const open = plugin(true);
  await open();
  assert.deepEqual(Object.entries(annotations), [
    ['imagepolicywebhook.image-policy.k8s.io/failed-open', 'true'],
  ]);
  answer = () => ({ kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1', status: { allowed: true } });
  await assert.rejects(plugin(false)(), /no ImageReview of imagepolicy\.k8s\.io\/v1alpha1/);

  answer = () => review({ allowed: true, auditAnnotations: { a: 'b', c: 7 } });
  asked = 0;
  await open();
  assert.equal(annotations['imagepolicywebhook.image-policy.k8s.io/a'], 'b');
  now = 9;
  await open();
  assert.equal(asked, 1);
  now = 10;
  answer = () => review({});
  const denied = { message: 'pods "p" is forbidden: one or more images rejected by webhook backend' };
  await assert.rejects(open(), denied);
  now = 14;
  await assert.rejects(open(), denied);
  assert.equal(asked, 2);
  now = 15;
  await assert.rejects(open(), denied);
  assert.equal(asked, 3);
});

test('what is asked at a length that nobody can be let fill the memory with is not remembered', async () => {
  const asked: string[] = [];
  const { validate } = imagePolicyWebhook({
    client: {
      post: (text) => {
        asked.push(text);
        return Promise.resolve(review({ allowed: true }));
      },
    },
    allowMs: 10,
    denyMs: 5,
    retryMs: 1,
    defaultAllow: false,
  });
  const about = (image: string): AdmissionRequest =>
    ({
      operation: 'CREATE',
      object: { metadata: {}, spec: { containers: [{ name: 'c', image }] } },
      context: { target: { namespace: 'n', subresource: '' }, server: { now: () => 0 } },
    }) as unknown as AdmissionRequest;
  for (const image of ['i', 'i', 'i'.repeat(1_000_000), 'i'.repeat(1_000_000)])
    await validate?.(about(image));
  assert.deepEqual(
    asked.map(({ length }) => length > 1_000_000),
    [false, true, true],
  );
});
