/**
 * The same requests for both sides. They are about kinds that no controller writes, so that what is counted for these
 * kinds is what was sent here.
 */
import type { Call } from '../peer/calls.ts';
import type { Connections } from '../peer/connections.ts';
import type { Labels } from './exposition.ts';

const namespace = 'default';
const templates = `/api/v1/namespaces/${namespace}/podtemplates`;
const classes = '/apis/networking.k8s.io/v1/ingressclasses';
const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;

function template(name: string, image = 'demo'): object {
  return {
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { name, labels: { app: 'demo' } },
    template: { metadata: { labels: { app: 'demo' } }, spec: { containers: [{ name: 'main', image }] } },
  };
}

const patch = (type: string) => ({ 'content-type': `application/${type}` });

/** In this order, each after the answer of the one before it. */
const calls: readonly Call[] = [
  // Reads.
  { method: 'GET', path: templates },
  { method: 'GET', path: '/api/v1/podtemplates?limit=1' },
  { method: 'GET', path: `${templates}/absent` },
  { method: 'GET', path: classes },
  { method: 'GET', path: '/api/v1/absent' },
  { method: 'GET', path: '/apis/absent.example.com/v1/things' },
  { method: 'GET', path: '/version' },
  { method: 'GET', path: '/healthz' },
  { method: 'GET', path: '/absent' },
  { method: 'GET', path: templates, as: 'nobody' },
  { method: 'GET', path: templates, as: 'dns' },
  { method: 'OPTIONS', path: templates },
  { method: 'HEAD', path: `${templates}/absent` },
  // Writes.
  { method: 'POST', path: templates, body: template('one') },
  { method: 'POST', path: templates, body: template('one') },
  { method: 'POST', path: templates, body: { ...template('two'), template: { spec: { containers: [] } } } },
  { method: 'POST', path: `${templates}?dryRun=All`, body: template('dry') },
  { method: 'POST', path: `${templates}?dryRun=Nothing`, body: template('dry') },
  { method: 'POST', path: templates, body: '{' },
  { method: 'POST', path: templates, body: 'x', headers: { 'content-type': 'text/plain' } },
  { method: 'PUT', path: `${templates}/one`, body: template('one', 'other') },
  { method: 'PUT', path: `${templates}/one?dryRun=All`, body: template('one', 'dry') },
  {
    method: 'PUT',
    path: `${templates}/one`,
    body: {
      ...template('one'),
      metadata: { name: 'one', resourceVersion: '1' },
    },
  },
  {
    method: 'PATCH',
    path: `${templates}/one`,
    body: { metadata: { labels: { a: 'b' } } },
    headers: patch('merge-patch+json'),
  },
  {
    method: 'PATCH',
    path: `${templates}/one`,
    body: { metadata: { labels: { c: 'd' } } },
    headers: patch('strategic-merge-patch+json'),
  },
  {
    method: 'PATCH',
    path: `${templates}/applied?fieldManager=tests`,
    body: template('applied'),
    headers: patch('apply-patch+yaml'),
  },
  {
    method: 'PATCH',
    path: `${templates}/applied?fieldManager=tests&dryRun=All`,
    body: template('applied', 'dry'),
    headers: patch('apply-patch+yaml'),
  },
  {
    method: 'PATCH',
    path: `${templates}/absent`,
    body: { metadata: { labels: { a: 'b' } } },
    headers: patch('merge-patch+json'),
  },
  {
    method: 'POST',
    path: classes,
    body: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'one' },
      spec: { controller: 'example.com/one' },
    },
  },
  { method: 'GET', path: `${classes}/one` },
  { method: 'GET', path: `${templates}/one` },
  // Watches, old spelling included; each goes on for a moment.
  { method: 'GET', path: `${templates}?watch=true` },
  { method: 'GET', path: `${templates}?watch=1&fieldSelector=metadata.name%3Done` },
  { method: 'GET', path: `/api/v1/watch/namespaces/${namespace}/podtemplates` },
  { method: 'GET', path: `${classes}?watch=true` },
  { method: 'GET', path: `${templates}?fieldSelector=metadata.name%3Done` },
  // A role that grants what its author does not have.
  {
    method: 'POST',
    path: roles,
    body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'one' }, rules: [] },
  },
  { method: 'PUT', path: '/api/v1/namespaces/absent/configmaps/absent', body: {} },
  { method: 'DELETE', path: `${templates}/one` },
  { method: 'DELETE', path: `${templates}/one` },
  { method: 'DELETE', path: `${templates}?labelSelector=app%3Ddemo` },
  { method: 'DELETE', path: `${classes}/one?dryRun=All` },
  { method: 'DELETE', path: `${classes}/one` },
];

/** What must rise alike on both sides. */
export const countedMetrics = [
  'apiserver_request_total',
  'apiserver_request_duration_seconds',
  'apiserver_request_sli_duration_seconds',
  'apiserver_response_sizes',
  'apiserver_watch_events_total',
] as const;

/** Of what nobody but this traffic asks for. */
export function isCounted({ resource, subresource }: Labels): boolean {
  return (
    resource === 'podtemplates' ||
    resource === 'ingressclasses' ||
    (resource === '' && (subresource === '/healthz' || subresource === 'version' || subresource === ''))
  );
}

export async function sendTraffic(connections: Connections): Promise<readonly number[]> {
  const codes: number[] = [];
  for (const call of calls) codes.push((await connections.send(call)).status);
  return codes;
}

const pod = (name: string, cpu: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'main', image: 'demo', resources: { requests: { cpu } } }] },
});

/** What gives the loops something to do: a pod that fits, one that never does, and a Deployment. */
export const work: readonly Call[] = [
  { method: 'POST', path: `/api/v1/namespaces/${namespace}/pods`, body: pod('fits', '100m') },
  { method: 'POST', path: `/api/v1/namespaces/${namespace}/pods`, body: pod('too-big', '1000') },
  {
    method: 'POST',
    path: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'main', image: 'demo' }] },
        },
      },
    },
  },
  {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/services`,
    body: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    },
  },
];
