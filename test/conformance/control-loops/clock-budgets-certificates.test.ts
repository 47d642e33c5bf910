/** Jobs that come by the clock, budgets that evictions take their room from, and certificates, on a real API server. */
import { createAuthority } from '@timonier/pki';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { patchAs } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { exitCodeAnnotation } from './nodes.ts';
import { loopsWorld } from './world.ts';

const authority = createAuthority('signing-ca', 30);
const world = loopsWorld({ signing: { ...authority, durationMs: 3_600_000 } }, { nodes: ['n1'] });

// What an answer holds is for the test to say.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

test('a CronJob starts a Job when it is due, notices its end, and keeps none beyond its history', async () => {
  await world.namespace('clock');
  const cronJobs = '/apis/batch/v1/namespaces/clock/cronjobs';
  const containers = [{ name: 'main', image: 'v1' }];
  const template = {
    metadata: { annotations: { [exitCodeAnnotation]: '0' } },
    spec: { restartPolicy: 'Never', containers },
  };
  const made = await world.ask(201, 'POST', cronJobs, {
    metadata: { name: 'tick' },
    spec: {
      schedule: '@every 1s',
      timeZone: 'Europe/Paris',
      successfulJobsHistoryLimit: 0,
      // However long one takes, there are never more to wait for.
      concurrencyPolicy: 'Forbid',
      jobTemplate: { spec: { template } },
    },
  });
  const begun = made.metadata.creationTimestamp as string;
  const { status } = await world.shows(
    `${cronJobs}/tick`,
    'its success is told',
    (json: Json) => json.status?.lastSuccessfulTime !== undefined,
  );
  // The next one may have been due before the first was over: only the beginning is before both.
  for (const time of [status.lastScheduleTime, status.lastSuccessfulTime]) assert.ok(time >= begun, time);
  const events = '/api/v1/namespaces/clock/events?fieldSelector=involvedObject.kind%3DCronJob';
  await world.shows(events, 'its Job is gone', ({ items }: Json) =>
    items.some(({ reason }: Json) => reason === 'SuccessfulDelete'),
  );
});

/** Waits until the scheduler has heard that its only node takes no more: it finds no place for a pod. */
async function schedulerKnows(namespace: string): Promise<void> {
  const scheduled = ({ status }: Json): string | undefined =>
    status.conditions?.find(({ type }: Json) => type === 'PodScheduled')?.status;
  const spec = { containers: [{ name: 'main', image: 'v1' }] };
  for (let i = 0, isRefused = false; !isRefused; i++) {
    assert.ok(i < 100, 'the scheduler never hears that the node takes no more');
    await world.ask(201, 'POST', `${namespace}/pods`, { metadata: { name: `probe-${i}` }, spec });
    const seen = await world.shows(
      `${namespace}/pods/probe-${i}`,
      'the scheduler has looked at it',
      (json: Json) => scheduled(json) !== undefined,
    );
    isRefused = scheduled(seen) === 'False';
  }
}

test('evictions take the room that a budget has, and no more', async () => {
  const namespace = await world.namespace('spared');
  const labels = { app: 'kept' };
  await world.ask(201, 'POST', '/apis/apps/v1/namespaces/spared/replicasets', {
    metadata: { name: 'kept' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'v1' }] } },
    },
  });
  const path = '/apis/policy/v1/namespaces/spared/poddisruptionbudgets';
  await world.ask(201, 'POST', path, {
    metadata: { name: 'kept' },
    spec: { maxUnavailable: '40%', selector: { matchLabels: labels } },
  });
  const { status } = await world.shows(
    `${path}/kept`,
    'two may go',
    (json: Json) => json.status?.disruptionsAllowed === 2,
  );
  const { currentHealthy, desiredHealthy, expectedPods, observedGeneration } = status;
  assert.deepEqual(
    { currentHealthy, desiredHealthy, expectedPods, observedGeneration },
    { currentHealthy: 3, desiredHealthy: 1, expectedPods: 3, observedGeneration: 1 },
  );
  // Pods that come anew wait: the node takes no more.
  const cordon = { spec: { unschedulable: true } };
  const merge = patchAs('merge-patch+json');
  const { items } = await world.ask(200, 'GET', `${namespace}/pods`);
  await world.ask(200, 'PATCH', '/api/v1/nodes/n1', cordon, merge);
  await schedulerKnows(namespace);
  const evict = (code: number, { metadata: { name } }: Json): Promise<Json> =>
    world.ask(code, 'POST', `${namespace}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'spared' },
    });
  await evict(201, items[0]);
  await evict(201, items[1]);
  const refused = await evict(429, items[2]);
  assert.equal(refused.details.causes[0].reason, 'DisruptionBudget');
  const spent = await world.shows(
    `${path}/kept`,
    'both are gone',
    (json: Json) => json.status.disruptedPods === undefined && json.status.currentHealthy === 1,
  );
  assert.equal(spent.status.disruptionsAllowed, 0);
  await world.ask(200, 'PATCH', '/api/v1/nodes/n1', { spec: { unschedulable: null } }, merge);
  await world.shows(
    `${path}/kept`,
    'there is room again',
    (json: Json) => json.status.disruptionsAllowed === 2,
  );
  await evict(201, items[2]);
});

test('a request for a certificate is signed when somebody has approved it', async () => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  const request = execFileSync('openssl', ['req', '-new', ...key, '-subj', '/O=devs/CN=anna'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString('base64');
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const signerName = 'kubernetes.io/kube-apiserver-client';
  const made = await world.ask(201, 'POST', path, {
    metadata: { name: 'anna' },
    spec: { request, signerName, usages: ['client auth'] },
  });
  made.status = { conditions: [{ type: 'Approved', status: 'True', reason: 'ByHand', message: 'seen' }] };
  await world.ask(200, 'PUT', `${path}/anna/approval`, made);
  const { status } = await world.shows(
    `${path}/anna`,
    'it is signed',
    (json: Json) => json.status.certificate !== undefined,
  );
  const certificate = new X509Certificate(Buffer.from(status.certificate, 'base64'));
  assert.equal(certificate.subject, 'O=devs\nCN=anna');
  assert.ok(certificate.verify(new X509Certificate(authority.certificate).publicKey));
});
