/** What somebody may who may change objects and not make them, and whom parts of an object are for. */
import type { Call } from '../../calls.ts';
import type { Comparison, Side } from '../../comparison.ts';
import { apps, configMap, core, get, namespace, patch, pod, post, put, remove, template } from './world.ts';

const account = 'changer';

export async function rights(comparison: Comparison): Promise<void> {
  await comparison.both('an account', post(`${core}/serviceaccounts`, { metadata: { name: account } }));
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await comparison.both(
    'its rights',
    post(`${roles}/roles`, {
      metadata: { name: account },
      rules: [
        {
          apiGroups: ['', 'apps', 'coordination.k8s.io'],
          resources: ['*'],
          verbs: ['get', 'update', 'patch'],
        },
        { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['get', 'update', 'patch'] },
      ],
    }),
  );
  await comparison.both(
    'they are its',
    post(`${roles}/rolebindings`, {
      metadata: { name: account },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    }),
  );
  await comparison.both('its token', post(`${core}/serviceaccounts/${account}/token`, { spec: {} }));
  await comparison.both('a map', post(`${core}/configmaps`, configMap('theirs')));
  await comparison.both('a pod', post(`${core}/pods`, pod('theirs')));
  await comparison.both(
    'a deployment',
    post(`${apps}/deployments`, {
      metadata: { name: 'theirs' },
      spec: { selector: { matchLabels: { app: 'x' } }, template: template() },
    }),
  );
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'theirs' } };
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const calls: Readonly<Record<string, Call>> = {
    'what is read': get(`${core}/configmaps/theirs`),
    'what is listed': get(`${core}/configmaps`),
    'what is changed': patch('merge', `${core}/configmaps/theirs?dryRun=All`, { data: { a: 'c' } }),
    'what is applied to what is': patch('apply', `${core}/configmaps/theirs?fieldManager=x&dryRun=All`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'theirs' },
      data: { b: 'c' },
    }),
    'what is applied to what is not': patch('apply', `${core}/configmaps/none-such?fieldManager=x`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'none-such' },
    }),
    'a wrong one that is applied to what is not': patch(
      'apply',
      `${core}/configmaps/None_Such?fieldManager=x`,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'None_Such' },
      },
    ),
    'an update of what is not': put(`${leases}/theirs`, lease),
    'an update of a service that is not': put(`${core}/services/theirs`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'theirs' },
      spec: { ports: [{ port: 80 }] },
    }),
    'what is made': post(`${core}/configmaps`, configMap('mine')),
    'what is deleted': remove(`${core}/configmaps/theirs`),
    'what is deleted together': remove(`${core}/configmaps`),
    'a Scale': patch('merge', `${apps}/deployments/theirs/scale?dryRun=All`, { spec: { replicas: 2 } }),
    'a status': patch('merge', `${apps}/deployments/theirs/status?dryRun=All`, { status: { replicas: 2 } }),
    'an eviction': post(`${core}/pods/theirs/eviction`, { metadata: { name: 'theirs' } }),
    'a binding': post(`${core}/pods/theirs/binding`, {
      metadata: { name: 'theirs' },
      target: { kind: 'Node', name: 'n' },
    }),
    'a token': post(`${core}/serviceaccounts/${account}/token`, { spec: {} }),
    'a log': get(`${core}/pods/theirs/log`),
    'owners that block': patch('merge', `${core}/configmaps/theirs?dryRun=All`, {
      metadata: {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x', uid: 'y', blockOwnerDeletion: true },
        ],
      },
    }),
    'another namespace': get('/api/v1/namespaces/default/configmaps/theirs'),
    'the cluster': get('/api/v1/nodes'),
    'a path': get('/metrics'),
  };
  for (const [title, call] of Object.entries(calls))
    await comparison.compare(title, (side: Side) => ({
      ...call,
      as: 'nobody',
      headers: {
        ...call.headers,
        authorization: `Bearer ${String(side.saw('its token')?.status?.token)}`,
      },
    }));
}
