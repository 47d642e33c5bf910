/** Mutating admission policies: what they change by configurations and by patches, in which order, and which are none. */
import type { Comparison } from '../../comparison.ts';
import { group, type Json, makePolicy, type Policy, requests, rules, unmakePolicy } from './policies.ts';

const patch = (expression: string): Json => ({ patchType: 'JSONPatch', jsonPatch: { expression } });
const configuration = (expression: string): Json => ({
  patchType: 'ApplyConfiguration',
  applyConfiguration: { expression },
});
const spec = (...mutations: readonly Json[]): Json => ({
  matchConstraints: {
    resourceRules: [
      {
        apiGroups: ['', 'apps'],
        apiVersions: ['*'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['configmaps', 'deployments'],
      },
    ],
  },
  reinvocationPolicy: 'Never',
  mutations,
});
const map = (more: string): Json => configuration(`Object{${more}}`);
const labelled = map("metadata: Object.metadata{labels: {'by': 'policy'}}");

const policies: Readonly<Record<string, Policy>> = {
  configuration: { spec: spec(labelled) },
  'configuration-of-data': { spec: spec(map("data: {'a': 'set', 'more': object.metadata.name}")) },
  'configuration-of-nothing': { spec: spec(map(''), labelled) },
  'configuration-unknown': { spec: spec(map('what: 1')) },
  'configuration-wrong-type': { spec: spec(map('data: 1')) },
  'configuration-of-owners': { spec: spec(map("metadata: Object.metadata{name: 'other'}")) },
  'configuration-conditional': {
    spec: spec(
      configuration(
        "has(object.data) && object.data.a == 'b' ? Object{metadata: Object.metadata{labels: {'is': 'b'}}} : Object{}",
      ),
    ),
  },
  'configuration-error': {
    spec: spec(configuration("Object{metadata: Object.metadata{labels: {'is': object.data.none}}}")),
  },
  'configuration-error-ignored': {
    spec: {
      ...spec(configuration("Object{metadata: Object.metadata{labels: {'is': object.data.none}}}"), labelled),
      failurePolicy: 'Ignore',
    },
  },
  patch: { spec: spec(patch("[JSONPatch{op: 'add', path: '/data/added', value: 'x'}]")) },
  'patch-below-nothing': {
    spec: spec(patch("[JSONPatch{op: 'add', path: '/metadata/annotations/a', value: 'x'}]")),
  },
  'patch-of-an-object': {
    spec: spec(
      patch(
        "[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'a': 'x'}}, JSONPatch{op: 'copy', from: '/metadata/annotations/a', path: '/metadata/annotations/b'}]",
      ),
    ),
  },
  'patch-escaped': {
    spec: spec(
      patch(
        "[JSONPatch{op: 'add', path: '/metadata/labels', value: {}}, JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/x'), value: 'x'}]",
      ),
    ),
  },
  'patch-test': {
    spec: spec(
      patch(
        "[JSONPatch{op: 'test', path: '/data/a', value: 'b'}, JSONPatch{op: 'replace', path: '/data/a', value: 'tested'}]",
      ),
    ),
  },
  'patch-removed': { spec: spec(patch("[JSONPatch{op: 'remove', path: '/data'}]")) },
  'patch-moved': { spec: spec(patch("[JSONPatch{op: 'move', from: '/data/a', path: '/data/moved'}]")) },
  'patch-of-a-type': {
    spec: spec(
      patch("[JSONPatch{op: 'add', path: '/metadata/labels', value: Object.metadata.labels{by: 'type'}}]"),
    ),
  },
  'patch-wrong': { spec: spec(patch("[JSONPatch{op: 'add', path: '/data', value: 7}]")) },
  'patch-nothing': { spec: spec(patch('[]'), labelled) },
  'patch-error': { spec: spec(patch("[JSONPatch{op: 'add', path: '/data/x', value: object.data.none}]")) },
  conditions: {
    spec: {
      ...spec(labelled),
      matchConditions: [
        { name: 'b', expression: "has(object.data) && 'a' in object.data && object.data.a == 'b'" },
      ],
    },
  },
  variables: {
    spec: {
      ...spec(map("metadata: Object.metadata{labels: {'by': variables.who}}")),
      variables: [{ name: 'who', expression: "object.metadata.name + '-x'" }],
    },
  },
  params: {
    spec: {
      ...spec(map("metadata: Object.metadata{labels: {'by': params.data.a}}")),
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    },
    binding: { paramRef: { name: 'param', parameterNotFoundAction: 'Deny' } },
    params: { param: { data: { a: 'param' } } },
  },
  'params-missing': {
    spec: { ...spec(labelled), paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
    binding: { paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } },
  },
};

export async function mutatingPolicyScript(comparison: Comparison): Promise<void> {
  for (const [name, policy] of Object.entries(policies)) {
    await makePolicy(comparison, 'Mutating', name, policy, undefined);
    // No expression tells of a policy that counts but changes nothing: another does that comes after it.
    await marker(comparison, name);
    // Upstream begins to watch parameters when a policy asks for them.
    if (policy.params !== undefined)
      await comparison.settle(
        `the parameters of ${name} are known`,
        {
          method: 'POST',
          path: `/api/v1/namespaces/map-${name}/configmaps?dryRun=All`,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe' } },
        },
        ({ status }) => status === 201,
      );
    await requests(comparison, name, `map-${name}`);
    await deployments(comparison, name);
    await unmakePolicy(comparison, 'Mutating', name);
    await unmakePolicy(comparison, 'Mutating', `${name}-marker`);
  }
  await refused(comparison);
}

/** Policies come to a server in the order in which they were made, so that this one counts last. */
async function marker(comparison: Comparison, name: string): Promise<void> {
  const marking = {
    ...spec(map("metadata: Object.metadata{labels: {'marked': 'yes'}}")),
    matchConditions: [{ name: 'probe', expression: "object.metadata.name == 'marked'" }],
  };
  await makePolicy(comparison, 'Mutating', `${name}-marker`, { spec: marking }, undefined);
  await comparison.settle(
    `${name} counts`,
    {
      method: 'POST',
      path: `/api/v1/namespaces/map-${name}-marker/configmaps?dryRun=All`,
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'marked' } },
    },
    ({ text }) => text.includes('"marked":"yes"'),
  );
}

async function deployments(comparison: Comparison, name: string): Promise<void> {
  await comparison.compare(`${name}: a deployment`, {
    method: 'POST',
    path: `/apis/apps/v1/namespaces/map-${name}/deployments?dryRun=All`,
    body: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'one' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'one', image: 'a' }] } },
      },
    },
  });
}

async function refused(comparison: Comparison): Promise<void> {
  const specs: Readonly<Record<string, Json>> = {
    nothing: {},
    'no mutations': { matchConstraints: rules(), reinvocationPolicy: 'Never' },
    'no reinvocation': { ...spec(labelled), reinvocationPolicy: undefined },
    'unknown words': { ...spec({ patchType: 'What' }), reinvocationPolicy: 'What', failurePolicy: 'What' },
    deletions: { ...spec(labelled), matchConstraints: rules() },
    both: spec({
      patchType: 'JSONPatch',
      jsonPatch: { expression: '[]' },
      applyConfiguration: { expression: 'Object{}' },
    }),
    neither: spec({ patchType: 'JSONPatch' }, { patchType: 'ApplyConfiguration' }),
    'an empty expression': spec(patch(''), configuration(' ')),
    'no expression': spec(patch('['), configuration('Object{')),
    'other types': spec(patch('1'), configuration('1'), patch("['a']"), patch('[Object{}]')),
    'an unknown operation': spec(patch("[JSONPatch{op: 'what', path: '/x'}]")),
    'an unknown member': spec(patch("[JSONPatch{what: 'x'}]")),
    'an unknown type': spec(configuration('What{}'), configuration('Object.spec.what{}')),
    'unknown names': spec(
      configuration('Object{spec: Object.spec{x: what}}'),
      patch('[JSONPatch{op: variables.x, path: params.y}]'),
    ),
    'a list set whole': spec(configuration('Object{spec: Object.spec{x: [1]}}')),
  };
  for (const [title, own] of Object.entries(specs))
    await comparison.compare(`policy with ${title}`, {
      method: 'POST',
      path: `${group}/mutatingadmissionpolicies?dryRun=All`,
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingAdmissionPolicy',
        metadata: { name: 'refused.example.com' },
        spec: own,
      },
    });
  for (const [title, own] of Object.entries<Json>({
    nothing: {},
    'a bad name': { policyName: 'X!' },
    'an empty parameter': { policyName: 'x', paramRef: {} },
    'bad resources': { policyName: 'x', matchResources: { matchPolicy: 'What', resourceRules: [{}] } },
  }))
    await comparison.compare(`binding with ${title}`, {
      method: 'POST',
      path: `${group}/mutatingadmissionpolicybindings?dryRun=All`,
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingAdmissionPolicyBinding',
        metadata: { name: 'refused.example.com' },
        spec: own,
      },
    });
}
