/** Webhooks that allow, refuse, warn and change: what becomes of all that they may answer, and what they are told. */
import type { Comparison, SidedCall } from '../../comparison.ts';
import { makeNamespace } from '../world.ts';
import { group, type Json, merge } from './policies.ts';
import type { WebhookHost } from '../webhook-host.ts';
import { answers, startAdmissionWebhook } from './webhook-server.ts';

const space = 'webhooks';
const maps = `/api/v1/namespaces/${space}/configmaps`;
const apiVersion = 'admissionregistration.k8s.io/v1';
const sorts = ['Mutating', 'Validating'] as const;
type Sort = (typeof sorts)[number];

const map = (name: string, more: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...more },
});

interface Configured {
  readonly name: string;
  readonly clientConfig: Json;
  readonly more?: Json;
}

const registrations = (sort: Sort): string => `${group}/${sort.toLowerCase()}webhookconfigurations`;

const hook = ({ name, clientConfig, more }: Configured): Json => ({
  name: `${name}.example.com`,
  clientConfig,
  sideEffects: 'NoneOnDryRun',
  admissionReviewVersions: ['v1'],
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] }],
  // Each is called for objects of one label, so that all can be there at once.
  matchConditions: [
    {
      name: 'own',
      expression: `request.userInfo.username != '' && request.namespace == '${space}' && (object != null ? object : oldObject).metadata.?labels['hook'].orValue('') == '${name}'`,
    },
  ],
  timeoutSeconds: 5,
  ...more,
});

export async function webhookScript(comparison: Comparison): Promise<void> {
  const webhook = await startAdmissionWebhook();
  await makeNamespace(comparison, space);
  try {
    for (const sort of sorts) await answered(comparison, webhook, sort);
    await told(comparison, webhook);
    await refused(comparison);
  } finally {
    webhook.close();
  }
}

async function answered(comparison: Comparison, webhook: WebhookHost, sort: Sort): Promise<void> {
  const configured: readonly Configured[] = [
    ...Object.keys(answers)
      .filter((name) => name !== 'told')
      .flatMap((name) => [
        { name, clientConfig: webhook.clientConfig(name) },
        {
          name: `${name}-ignored`,
          clientConfig: webhook.clientConfig(name),
          more: { failurePolicy: 'Ignore' },
        },
      ]),
    { name: 'nowhere', clientConfig: webhook.nowhere() },
    { name: 'nowhere-ignored', clientConfig: webhook.nowhere(), more: { failurePolicy: 'Ignore' } },
    { name: 'untrusted', clientConfig: webhook.untrusted() },
    { name: 'silent', clientConfig: webhook.clientConfig('silent'), more: { timeoutSeconds: 1 } },
    { name: 'side-effects', clientConfig: webhook.clientConfig('allow'), more: { sideEffects: 'None' } },
    { name: 'no-service', clientConfig: { service: { name: 'none', namespace: space, path: '/x' } } },
    { name: 'z-last', clientConfig: webhook.clientConfig('deny') },
  ];
  const path = registrations(sort);
  await comparison.both('the webhooks', {
    method: 'POST',
    path,
    body: {
      apiVersion,
      kind: `${sort}WebhookConfiguration`,
      metadata: { name: 'peer' },
      webhooks: configured.map(hook),
    },
  });
  await comparison.settle(
    `${sort} webhooks count`,
    { method: 'POST', path: `${maps}?dryRun=All`, body: map('probe', { labels: { hook: 'z-last' } }) },
    ({ status }) => status >= 400,
  );
  for (const { name } of configured)
    await comparison.compare(`${sort}: ${name}`, {
      method: 'POST',
      path: `${maps}?dryRun=All`,
      body: map('one', { labels: { hook: name } }),
    });
  await comparison.both('the webhooks go', { method: 'DELETE', path: `${path}/peer` });
}

/** Refused with what the webhook was told. */
async function told(comparison: Comparison, webhook: WebhookHost): Promise<void> {
  const all = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] };
  const own = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': space } },
    matchConditions: undefined,
  };
  await comparison.both('a map', { method: 'POST', path: maps, body: map('there', { labels: { a: 'b' } }) });
  const pods = `/api/v1/namespaces/${space}/pods`;
  const deployments = `/apis/apps/v1/namespaces/${space}/deployments`;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'there' },
    // How long a pod stays on a lost node is another matter.
    spec: { containers: [{ name: 'a', image: 'b' }], tolerations: [{ operator: 'Exists' }] },
  };
  await comparison.both('a pod', { method: 'POST', path: pods, body: pod });
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'there' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'b' }] } },
    },
  };
  await comparison.both('a deployment', { method: 'POST', path: deployments, body: deployment });
  await comparison.both('the webhook', {
    method: 'POST',
    path: registrations('Validating'),
    body: {
      apiVersion,
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'told' },
      webhooks: [
        { ...hook({ name: 'told', clientConfig: webhook.clientConfig('told') }), rules: [all], ...own },
      ],
    },
  });
  await comparison.settle(
    'it counts',
    { method: 'POST', path: `${maps}?dryRun=All`, body: map('probe') },
    ({ status }) => status >= 400,
  );
  const dry = 'dryRun=All';
  const calls: Readonly<Record<string, SidedCall>> = {
    'a creation': {
      method: 'POST',
      path: `${maps}?fieldManager=me&fieldValidation=Ignore`,
      body: map('one'),
    },
    'a dry run': { method: 'POST', path: `${maps}?${dry}`, body: map('one') },
    'a generated name': {
      method: 'POST',
      path: maps,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'one-' } },
    },
    'an update': {
      method: 'PUT',
      path: `${maps}/there?${dry}&fieldManager=x`,
      body: map('there', { labels: { a: 'c' } }),
    },
    'a patch': { method: 'PATCH', path: `${maps}/there?${dry}`, body: { data: { a: 'b' } }, headers: merge },
    'an apply': {
      method: 'PATCH',
      path: `${maps}/there?fieldManager=me&force=true`,
      body: map('there', { labels: { a: 'z' } }),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    },
    'an apply of something new': {
      method: 'PATCH',
      path: `${maps}/new?fieldManager=me`,
      body: map('new'),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    },
    'a deletion': { method: 'DELETE', path: `${maps}/there` },
    'a deletion with options': {
      method: 'DELETE',
      path: `${maps}/there`,
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Foreground',
        gracePeriodSeconds: 3,
        dryRun: ['All'],
      },
    },
    'a deletion of all': { method: 'DELETE', path: `${maps}?labelSelector=a%3Db` },
    scale: {
      method: 'PATCH',
      path: `${deployments}/there/scale`,
      body: { spec: { replicas: 3 } },
      headers: merge,
    },
    status: {
      method: 'PATCH',
      path: `${deployments}/there/status`,
      body: { status: { replicas: 3 } },
      headers: merge,
    },
    'a deployment': {
      method: 'POST',
      path: `${deployments}?${dry}`,
      body: { ...deployment, metadata: { name: 'one' } },
    },
    eviction: {
      method: 'POST',
      path: `${pods}/there/eviction`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'there' },
        deleteOptions: { gracePeriodSeconds: 1 },
      },
    },
    binding: {
      method: 'POST',
      path: `${pods}/there/binding`,
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'there' },
        target: { kind: 'Node', name: 'x' },
      },
    },
    exec: {
      method: 'POST',
      path: `${pods}/there/exec?command=a&command=b&container=a&stdout=true`,
      body: '',
    },
    attach: { method: 'POST', path: `${pods}/there/attach?container=a&stdin=true`, body: '' },
    portforward: { method: 'POST', path: `${pods}/there/portforward?ports=80`, body: '' },
    proxy: { method: 'GET', path: `${pods}/there/proxy/x/y?z=1` },
    resize: {
      method: 'PATCH',
      path: `${pods}/there/resize`,
      body: { spec: { containers: [{ name: 'a', resources: { requests: { cpu: '1' } } }] } },
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    },
    token: {
      method: 'POST',
      path: `/api/v1/namespaces/${space}/serviceaccounts/default/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a'] } },
    },
    'ephemeral containers': {
      method: 'PATCH',
      path: `${pods}/there/ephemeralcontainers`,
      body: { spec: { ephemeralContainers: [{ name: 'e', image: 'x' }] } },
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    },
    'a local review': {
      method: 'POST',
      path: `/apis/authorization.k8s.io/v1/namespaces/${space}/localsubjectaccessreviews`,
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'LocalSubjectAccessReview',
        spec: { user: 'x', resourceAttributes: { namespace: space, verb: 'get', resource: 'pods' } },
      },
    },
    'an event': {
      method: 'POST',
      path: `/apis/events.k8s.io/v1/namespaces/${space}/events`,
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: 'e' },
        eventTime: '2024-01-01T00:00:00.000000Z',
        reportingController: 'x',
        reportingInstance: 'y',
        action: 'a',
        reason: 'r',
        type: 'Normal',
        deprecatedFirstTimestamp: '2024-01-01T00:00:00Z',
        deprecatedLastTimestamp: '2024-01-01T00:00:00Z',
        regarding: { namespace: space },
      },
    },
    'the namespace': {
      method: 'PATCH',
      path: `/api/v1/namespaces/${space}`,
      body: { metadata: { labels: { a: 'b' } } },
      headers: merge,
    },
    'the end of the namespace': { method: 'DELETE', path: `/api/v1/namespaces/${space}` },
    'an autoscaler of the first version': {
      method: 'POST',
      path: `/apis/autoscaling/v1/namespaces/${space}/horizontalpodautoscalers`,
      body: {
        apiVersion: 'autoscaling/v1',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'h' },
        spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'x' } },
      },
    },
    'with another version': {
      method: 'PUT',
      path: `${maps}/there`,
      body: map('there', { resourceVersion: '1' }),
    },
    'by jane': {
      method: 'POST',
      path: maps,
      body: map('one'),
      headers: {
        'impersonate-user': 'jane',
        'impersonate-group': 'system:masters',
        'impersonate-extra-a': 'b',
        'content-type': 'application/json',
      },
    },
  };
  for (const [title, call] of Object.entries(calls)) await comparison.compare(`told of ${title}`, call);
  await comparison.both('it goes', { method: 'DELETE', path: `${registrations('Validating')}/told` });
  await equivalent(comparison, webhook);
}

/** A webhook for one version of a kind hears of objects that come in another. */
async function equivalent(comparison: Comparison, webhook: WebhookHost): Promise<void> {
  await comparison.both('the webhook', {
    method: 'POST',
    path: registrations('Validating'),
    body: {
      apiVersion,
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'told' },
      webhooks: [
        {
          ...hook({ name: 'told', clientConfig: webhook.clientConfig('told') }),
          rules: [
            {
              apiGroups: ['autoscaling'],
              apiVersions: ['v1'],
              operations: ['*'],
              resources: ['horizontalpodautoscalers'],
            },
          ],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': space } },
          matchConditions: undefined,
        },
      ],
    },
  });
  const path = `/apis/autoscaling/v2/namespaces/${space}/horizontalpodautoscalers?dryRun=All`;
  const body = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec: {
      maxReplicas: 3,
      scaleTargetRef: { kind: 'Deployment', name: 'x' },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
    },
  };
  await comparison.settle('it counts', { method: 'POST', path, body }, ({ status }) => status >= 400);
  await comparison.compare('told of another version', { method: 'POST', path, body });
  await comparison.both('it goes', { method: 'DELETE', path: `${registrations('Validating')}/told` });
}

/** Configurations that are none. */
async function refused(comparison: Comparison): Promise<void> {
  const url = { url: 'https://x' };
  const some: Readonly<Record<string, Json>> = {
    nothing: {},
    'no client': { clientConfig: {} },
    'two clients': { clientConfig: { ...url, service: { name: 'x', namespace: 'y' } } },
    'a bad URL': { clientConfig: { url: 'http://user@x?a=b#c' } },
    'a bad service': { clientConfig: { service: { name: '', namespace: '', path: 'x//y', port: 0 } } },
    'a short name': { name: 'short' },
    'a bad name': { name: 'No!.example.com' },
    'no side effects': { sideEffects: undefined },
    'side effects': { sideEffects: 'Some' },
    'unknown side effects': { sideEffects: 'What' },
    'no versions': { admissionReviewVersions: [] },
    'unknown versions': { admissionReviewVersions: ['v7', 'V!', 'v7'] },
    'a long wait': { timeoutSeconds: 31 },
    'no wait': { timeoutSeconds: 0 },
    'unknown words': { failurePolicy: 'What', matchPolicy: 'What' },
    'an unknown reinvocation': { reinvocationPolicy: 'What' },
    'wrong rules': {
      rules: [
        {
          apiGroups: ['*', 'a'],
          apiVersions: [],
          operations: ['What', '*'],
          resources: ['*/*', 'pods', 'a/*', ''],
          scope: 'What',
        },
      ],
    },
    'bad conditions': {
      matchConditions: [
        { name: 'a b', expression: 'what' },
        { name: 'b', expression: '' },
        { name: 'b', expression: '1' },
      ],
    },
    'bad selectors': {
      namespaceSelector: { matchLabels: { 'no key!': 'x' } },
      objectSelector: { matchExpressions: [{ key: 'a', operator: 'What' }] },
    },
  };
  for (const sort of sorts) {
    for (const [title, more] of Object.entries(some))
      await comparison.compare(`${sort} configuration with ${title}`, {
        method: 'POST',
        path: `${registrations(sort)}?dryRun=All`,
        body: {
          apiVersion,
          kind: `${sort}WebhookConfiguration`,
          metadata: { name: 'refused' },
          webhooks: [{ ...hook({ name: 'refused', clientConfig: url }), ...more }],
        },
      });
    await comparison.compare(`${sort} configuration with a name twice`, {
      method: 'POST',
      path: `${registrations(sort)}?dryRun=All`,
      body: {
        apiVersion,
        kind: `${sort}WebhookConfiguration`,
        metadata: { name: 'refused' },
        webhooks: [hook({ name: 'a', clientConfig: url }), hook({ name: 'a', clientConfig: url })],
      },
    });
  }
}
