/** Who may do what: the roles that a server makes by itself, what it says to those who may not, and its reviews. */
import { type Answer, jsonOf } from '../calls.ts';
import type { Comparison } from '../comparison.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';

export async function access(comparison: Comparison): Promise<void> {
  await comparison.section('bootstrap objects', async () => {
    for (const path of [
      `${rbac}/clusterroles`,
      `${rbac}/clusterrolebindings`,
      `${rbac}/roles`,
      `${rbac}/rolebindings`,
      '/api/v1/namespaces',
      '/api/v1/services',
      '/api/v1/namespaces/default/endpoints',
      '/api/v1/configmaps',
      '/apis/apiregistration.k8s.io/v1/apiservices',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
      '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
      '/apis/networking.k8s.io/v1/ipaddresses',
      '/apis/networking.k8s.io/v1/servicecidrs',
      '/apis/scheduling.k8s.io/v1/priorityclasses',
      '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
      '/apis/storage.k8s.io/v1/storageclasses',
    ])
      await comparison.compare(path, { method: 'GET', path });
  });
  await comparison.section('forbidden', () => forbidden(comparison));
  await comparison.section('reviews', () => reviews(comparison));
}

async function forbidden(comparison: Comparison): Promise<void> {
  const users = ['nobody', 'scheduler', 'kubelet-worker-1'];
  const asked: readonly (readonly [string, string, unknown?])[] = [
    ['GET', '/api/v1/namespaces/default/secrets'],
    ['GET', '/api/v1/namespaces/default/secrets/one'],
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/namespaces/default'],
    ['GET', '/api/v1/nodes/worker-2'],
    ['GET', '/api/v1/nodes'],
    ['GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dworker-1'],
    ['GET', '/api/v1/pods'],
    ['GET', '/api/v1/namespaces/default/pods/one/log'],
    ['GET', '/apis/apps/v1/namespaces/default/deployments?watch=1'],
    ['DELETE', '/apis/apps/v1/namespaces/default/deployments'],
    ['DELETE', '/apis/apps/v1/namespaces/default/deployments/one'],
    ['POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mine' } }],
    [
      'PUT',
      '/api/v1/namespaces/default',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    ],
    ['PATCH', '/api/v1/namespaces/default', {}],
    ['GET', '/metrics'],
    ['GET', '/logs/'],
    ['GET', '/healthz'],
    ['GET', '/version'],
    ['GET', '/apis'],
    ['GET', '/openapi/v2'],
    ['GET', '/nothing/here'],
    ['POST', '/nothing/here', {}],
    ['GET', '/apis/example.com/v1/things'],
  ];
  for (const as of users)
    for (const [method, path, body] of asked)
      await comparison.compare(
        `${as} ${method} ${path}`,
        {
          method,
          path,
          body,
          as,
          ...(method === 'PATCH' ? { headers: { 'content-type': 'application/merge-patch+json' } } : {}),
        },
        // What is in it is seen elsewhere.
        path === '/openapi/v2'
          ? (answer) => (answer.status === 200 ? { ...answer, text: '' } : answer)
          : undefined,
      );
  const impersonate = { 'impersonate-user': 'jane', 'impersonate-group': 'sailors' };
  for (const [method, path, body] of asked.slice(0, 12))
    await comparison.compare(`jane ${method} ${path}`, {
      method,
      path,
      body,
      headers: { ...impersonate, 'content-type': 'application/json' },
    });
  await comparison.compare('impersonation by one who may not', {
    method: 'GET',
    path: '/api/v1/pods',
    as: 'kubelet-worker-1',
    headers: impersonate,
  });
  await comparison.compare('impersonation of a group without a user', {
    method: 'GET',
    path: '/api/v1/pods',
    headers: { 'impersonate-group': 'sailors' },
  });
  await comparison.compare('a bad token', {
    method: 'GET',
    path: '/api/v1/pods',
    as: 'nobody',
    headers: { authorization: 'Bearer nonsense' },
  });
  await escalation(comparison);
}

async function escalation(comparison: Comparison): Promise<void> {
  const editor = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'role-editor' },
    rules: [
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'],
        verbs: ['create', 'update', 'get', 'patch'],
      },
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    ],
  };
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'role-editors' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'role-editor' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  };
  await comparison.compare('make a role', { method: 'POST', path: `${rbac}/clusterroles`, body: editor });
  await comparison.compare('bind it', { method: 'POST', path: `${rbac}/clusterrolebindings`, body: binding });
  const headers = { 'impersonate-user': 'jane', 'content-type': 'application/json' };
  const rules: Readonly<Record<string, readonly unknown[]>> = {
    'what she may': [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    'other verbs': [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'delete'] }],
    everything: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    'several rules': [
      {
        apiGroups: ['apps'],
        resources: ['deployments', 'statefulsets'],
        verbs: ['create', 'get'],
        resourceNames: ['one', 'two'],
      },
      { apiGroups: ['', 'batch'], resources: ['secrets', 'jobs'], verbs: ['*'] },
    ],
    URLs: [{ nonResourceURLs: ['/metrics', '/logs/*'], verbs: ['get', 'post'] }],
  };
  for (const [title, some] of Object.entries(rules)) {
    const role = {
      apiVersion: editor.apiVersion,
      kind: 'ClusterRole',
      metadata: { name: 'more' },
      rules: some,
    };
    await comparison.compare(`a role with ${title}`, {
      method: 'POST',
      path: `${rbac}/clusterroles?dryRun=All`,
      body: role,
      headers,
    });
  }
  for (const name of ['view', 'cluster-admin', 'nothing', 'system:node']) {
    const to = { ...binding, metadata: { name: 'more' }, roleRef: { ...binding.roleRef, name } };
    await comparison.compare(`a binding to ${name}`, {
      method: 'POST',
      path: `${rbac}/clusterrolebindings?dryRun=All`,
      body: to,
      headers,
    });
    const inNamespace = { ...to, kind: 'RoleBinding' };
    await comparison.compare(`a binding in a namespace to ${name}`, {
      method: 'POST',
      path: `${rbac}/namespaces/default/rolebindings?dryRun=All`,
      body: inNamespace,
      headers,
    });
  }
}

interface RulesStatus {
  readonly resourceRules?: readonly unknown[];
  readonly nonResourceRules?: readonly unknown[];
}

/** Upstream goes through bindings in another order each time. */
function withSortedRules(answer: Answer): Answer {
  const body = jsonOf(answer) as { status?: RulesStatus } | undefined;
  if (body?.status === undefined) return answer;
  const sorted = (rules: readonly unknown[] | undefined): readonly unknown[] | undefined =>
    rules?.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const { resourceRules, nonResourceRules } = body.status;
  const status = {
    ...body.status,
    resourceRules: sorted(resourceRules),
    nonResourceRules: sorted(nonResourceRules),
  };
  return { ...answer, text: JSON.stringify({ ...body, status }) };
}

async function reviews(comparison: Comparison): Promise<void> {
  const group = '/apis/authorization.k8s.io/v1';
  const review = (kind: string, spec: unknown) => ({ apiVersion: 'authorization.k8s.io/v1', kind, spec });
  const specs: Readonly<Record<string, unknown>> = {
    'a resource': { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } },
    'a URL': { nonResourceAttributes: { verb: 'get', path: '/metrics' } },
    neither: {},
    both: {
      resourceAttributes: { verb: 'get', resource: 'pods' },
      nonResourceAttributes: { verb: 'get', path: '/' },
    },
    'a selector': {
      resourceAttributes: {
        verb: 'list',
        resource: 'pods',
        fieldSelector: { rawSelector: 'spec.nodeName=x' },
        labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
      },
    },
    'a bad selector': {
      resourceAttributes: {
        verb: 'list',
        resource: 'pods',
        fieldSelector: { rawSelector: 'a', requirements: [{ key: '', operator: 'What', values: [] }] },
        labelSelector: { requirements: [{ key: '', operator: 'In', values: [] }] },
      },
    },
  };
  for (const as of ['admin', 'kubelet-worker-1', 'scheduler'])
    for (const [title, spec] of Object.entries(specs))
      await comparison.compare(`${as} about ${title}`, {
        method: 'POST',
        path: `${group}/selfsubjectaccessreviews`,
        body: review('SelfSubjectAccessReview', spec),
        as,
      });
  for (const [title, spec] of Object.entries(specs))
    for (const who of [{}, { user: 'jane' }, { groups: ['system:masters'] }])
      await comparison.compare(`of ${JSON.stringify(who)} about ${title}`, {
        method: 'POST',
        path: `${group}/subjectaccessreviews`,
        body: review('SubjectAccessReview', { ...(spec as object), ...who }),
      });
  for (const namespace of ['default', 'other'])
    await comparison.compare(`local in ${namespace}`, {
      method: 'POST',
      path: `${group}/namespaces/default/localsubjectaccessreviews`,
      body: review('LocalSubjectAccessReview', {
        resourceAttributes: { verb: 'get', resource: 'pods', namespace },
        user: 'jane',
      }),
    });
  for (const as of ['admin', 'kubelet-worker-1', 'scheduler', 'nobody'])
    for (const spec of [{ namespace: 'default' }, {}])
      await comparison.compare(
        `rules of ${as} in ${JSON.stringify(spec)}`,
        {
          method: 'POST',
          path: `${group}/selfsubjectrulesreviews`,
          body: review('SelfSubjectRulesReview', spec),
          as,
        },
        withSortedRules,
      );
  for (const as of ['admin', 'kubelet-worker-1'])
    await comparison.compare(`who ${as} is`, {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      as,
    });
  for (const token of ['', 'nonsense', 'a.b.c'])
    await comparison.compare(`the token ${JSON.stringify(token)}`, {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
    });
}
