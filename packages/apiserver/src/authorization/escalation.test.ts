import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { patchAs, sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const ref = (kind: string, name: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
const subject = (name: string): object => ref('User', name);
const as = (user: string): { headers: Record<string, string> } => ({
  headers: { ...patchAs('merge-patch+json').headers, 'impersonate-user': user },
});

const sentBy = (user: string): { headers: Record<string, string> } => ({
  headers: { 'impersonate-user': user },
});

/** A user who may write all of RBAC, and read config maps; no more. */
async function clerk(name: string): Promise<void> {
  const rules = [
    {
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
      verbs: ['get', 'create', 'update', 'patch'],
    },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
  ];
  await shared.ask(201, 'POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
  await shared.ask(201, 'POST', `${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: ref('ClusterRole', name),
    subjects: [subject(name)],
  });
  await until(async () => {
    const path = `${rbac}/clusterroles/${name}`;
    return (await shared.server.request('GET', path, undefined, as(name))).status === 200;
  }, 'the role is known');
}

const labelled = { metadata: { labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } } };

test('nobody labels a role that they do not hold, and so makes it a part of one that they do', async () => {
  await clerk('labeller');
  const refused = await shared.ask(
    403,
    'PATCH',
    `${rbac}/clusterroles/cluster-admin`,
    labelled,
    as('labeller'),
  );
  assert.match(
    refused.message,
    /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}\n\{NonResourceURLs:\["\*"\], Verbs:\["\*"\]\}$/,
  );
  const own = await shared.ask(200, 'PATCH', `${rbac}/clusterroles/labeller`, labelled, as('labeller'));
  assert.deepEqual(own.metadata?.labels, labelled.metadata.labels);
  const roles = `${rbac}/namespaces/default/roles`;
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
  await shared.ask(201, 'POST', roles, { metadata: { name: 'secretive' }, rules });
  await shared.ask(403, 'PATCH', `${roles}/secretive`, labelled, as('labeller'));
});

test('a role that gathers others is written by those who hold everything, also to make it stop', async () => {
  await clerk('gatherer');
  const expected = /must have cluster-admin privileges to use the aggregationRule$/;
  const roles = `${rbac}/clusterroles`;
  const role = {
    metadata: { name: 'gathering' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { gathered: 'yes' } }] },
  };
  assert.match((await shared.ask(403, 'POST', roles, role, sentBy('gatherer'))).message, expected);
  await shared.ask(201, 'POST', roles, role);
  for (const change of [labelled, { aggregationRule: null }])
    assert.match(
      (await shared.ask(403, 'PATCH', `${roles}/gathering`, change, as('gatherer'))).message,
      expected,
    );
});

test('the garbage collector’s fields are changed by whoever may write a role or a binding', async () => {
  await clerk('collector');
  const change = { metadata: { finalizers: ['example.com/wait'] } };
  for (const path of ['clusterroles', 'clusterrolebindings']) {
    const kept = await shared.ask(200, 'PATCH', `${rbac}/${path}/cluster-admin`, change, as('collector'));
    assert.deepEqual(kept.metadata?.finalizers, change.metadata.finalizers);
    const none = { metadata: { finalizers: null } };
    await shared.ask(200, 'PATCH', `${rbac}/${path}/cluster-admin`, none, as('collector'));
  }
  // Anything else of a binding gives its role away again.
  const path = `${rbac}/clusterrolebindings/cluster-admin`;
  const refused = await shared.ask(403, 'PATCH', path, labelled, as('collector'));
  assert.match(refused.message, /not currently held/);
});

test('a right to escalate roles of some names is not one to create them', async () => {
  await clerk('namer');
  await shared.ask(201, 'POST', `${rbac}/clusterroles`, {
    metadata: { name: 'escalates-some' },
    rules: [
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: ['wide'],
        verbs: ['escalate'],
      },
    ],
  });
  await shared.ask(201, 'POST', `${rbac}/clusterrolebindings`, {
    metadata: { name: 'escalates-some' },
    roleRef: ref('ClusterRole', 'escalates-some'),
    subjects: [subject('namer')],
  });
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }];
  const wide = { metadata: { name: 'wide' }, rules };
  await shared.ask(201, 'POST', `${rbac}/clusterroles`, { metadata: { name: 'wide' } });
  await until(async () => {
    const answer = await shared.server.request('PATCH', `${rbac}/clusterroles/wide`, { rules }, as('namer'));
    return answer.status === 200;
  }, 'the right to escalate is known');
  await shared.ask(200, 'DELETE', `${rbac}/clusterroles/wide`);
  await shared.ask(403, 'POST', `${rbac}/clusterroles`, wide, sentBy('namer'));
});
