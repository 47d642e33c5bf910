/** What flags and their file tell plugins, on a server as it is started by hand. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startEtcd } from '../testing/real-etcd.ts';
import { call, startServerProcess } from '../testing/server-process.ts';

const configuration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline}
    exemptions: {namespaces: [excused]}
- name: EventRateLimit
  path: rates.yaml
`;
const rates = `
apiVersion: eventratelimit.admission.k8s.io/v1alpha1
kind: Configuration
limits: [{type: Namespace, qps: 1, burst: 2}]
`;

async function fileOf(t: TestContext, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-admission-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'admission.yaml');
  await writeFile(path, text);
  await writeFile(join(directory, 'rates.yaml'), rates);
  return path;
}

const pod = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

test('a file says what holds for namespaces without labels and who is exempt, and flags for how long pods stay', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startServerProcess(t, endpoint, {
    'admission-control-config-file': await fileOf(t, configuration),
    'enable-admission-plugins': 'EventRateLimit',
    'default-not-ready-toleration-seconds': '300',
    'default-unreachable-toleration-seconds': '20',
  });
  const session = server.connect();
  const excused = await call(session, 'POST', '/api/v1/namespaces', { metadata: { name: 'excused' } });
  assert.equal(excused.status, 201);
  const made = await call(session, 'POST', '/api/v1/namespaces/default/pods', pod('plain'));
  assert.deepEqual(
    made.json.spec.tolerations.map((one: { tolerationSeconds: number }) => one.tolerationSeconds),
    [300, 20],
  );
  const host = pod('host', { hostPID: true });
  const refused = await call(session, 'POST', '/api/v1/namespaces/default/pods', host);
  assert.equal(
    refused.json.message,
    'pods "host" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true)',
  );
  assert.equal((await call(session, 'POST', '/api/v1/namespaces/excused/pods', host)).status, 201);
  const event = (name: string, namespace: string): object => ({
    metadata: { name },
    involvedObject: { namespace, kind: 'Pod', name: 'x' },
  });
  // What is not written, or is written as the newer kind, counts for nothing.
  const newer = (name: string): object => ({
    metadata: { name },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'example.com/test',
    reportingInstance: 'test',
    action: 'Test',
    reason: 'Test',
    type: 'Normal',
    regarding: { namespace: 'excused', kind: 'Pod', name: 'x' },
  });
  const free = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0
        ? call(session, 'POST', '/api/v1/namespaces/excused/events?dryRun=All', event(`d${i}`, 'excused'))
        : call(session, 'POST', '/apis/events.k8s.io/v1/namespaces/excused/events', newer(`n${i}`)),
    ),
  );
  assert.deepEqual(
    free.filter(({ status }) => status !== 201).map(({ json }) => json.message),
    [],
  );
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      call(session, 'POST', '/api/v1/namespaces/default/events', event(`e${i}`, 'default')),
    ),
  );
  const late = answers.find(({ status }) => status !== 201);
  assert.equal(late?.status, 429);
  assert.equal(late?.json.message, 'Too many requests: limit reached on type Namespace for key default');
  const other = await call(session, 'POST', '/api/v1/namespaces/excused/events', event('e', 'excused'));
  assert.equal(other.status, 201);
});

test('a server does not start with a configuration that is no good, or without the limits that a plugin needs', async (t) => {
  const { endpoint } = await startEtcd(t);
  await assert.rejects(
    startServerProcess(t, endpoint, {
      'admission-control-config-file': await fileOf(t, 'kind: Nothing'),
    }),
    /--admission-control-config-file: .*kind: Required value: must be AdmissionConfiguration/,
  );
  await assert.rejects(
    startServerProcess(t, endpoint, { 'enable-admission-plugins': 'EventRateLimit' }),
    /EventRateLimit needs its limits/,
  );
});
