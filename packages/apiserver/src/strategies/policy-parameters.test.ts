import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const registration = '/apis/admissionregistration.k8s.io/v1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const user = { kind: 'User', name: 'zoe', apiGroup: 'rbac.authorization.k8s.io' };
const zoe = { headers: { 'impersonate-user': 'zoe' } };
const shown = 'user &{zoe  [system:authenticated] map[]}';
const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const matchConstraints = { resourceRules: [rule] };

/** What is special about policies that refuse and those that change. */
const kinds = {
  validating: { policy: { validations: [{ expression: 'true' }] }, binding: { validationActions: ['Deny'] } },
  mutating: {
    policy: {
      reinvocationPolicy: 'Never',
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/metadata/labels', value: {}}]" },
        },
      ],
    },
    binding: {},
  },
};

/** She may write policies, and read the ConfigMaps of the cluster, one whole group, and the Secrets of one namespace. */
async function prepare(): Promise<void> {
  for (const [at, kind, name, rules] of [
    [
      rbac,
      'ClusterRole',
      'author',
      [
        { verbs: ['*'], apiGroups: ['admissionregistration.k8s.io'], resources: ['*'] },
        { verbs: ['get'], apiGroups: [''], resources: ['configmaps'] },
        { verbs: ['*'], apiGroups: ['rules.example.com'], resources: ['*'] },
      ],
    ],
    [
      `${rbac}/namespaces/default`,
      'Role',
      'reader',
      [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
    ],
  ] as const) {
    const roleRef = { apiGroup: user.apiGroup, kind, name };
    await shared.ask(201, 'POST', `${at}/${kind.toLowerCase()}s`, { metadata: { name }, rules });
    const binding = { metadata: { name }, roleRef, subjects: [user] };
    await shared.ask(201, 'POST', `${at}/${kind.toLowerCase()}bindings`, binding);
  }
  await until(async () => {
    const { status } = await shared.server.request(
      'GET',
      '/api/v1/namespaces/default/secrets/x',
      undefined,
      zoe,
    );
    return status === 404;
  }, 'her rights are known');
}

test('whoever writes a policy must be able to read what it is told', async () => {
  await prepare();
  for (const [kind, own] of Object.entries(kinds)) {
    const policies = `${registration}/${kind}admissionpolicies`;
    const bindings = `${registration}/${kind}admissionpolicybindings`;
    const policy = (name: string, paramKind: string, apiVersion = 'v1'): object => ({
      metadata: { name },
      spec: { matchConstraints, ...own.policy, paramKind: { apiVersion, kind: paramKind } },
    });
    const binding = (policyName: string, paramRef: object): object => ({
      metadata: { name: policyName },
      spec: { policyName, ...own.binding, paramRef: { parameterNotFoundAction: 'Deny', ...paramRef } },
    });
    const asked = async (path: string, body: object): Promise<string> => {
      const { status, json } = await shared.server.request('POST', `${path}?dryRun=All`, body, zoe);
      assert.ok(status === 201 || status === 422, JSON.stringify(json));
      return status === 201 ? '' : String(json.message).replace(/^.*? is invalid: /, '');
    };
    assert.equal(await asked(policies, policy('p', 'ConfigMap')), '');
    assert.equal(
      await asked(policies, policy('p', 'Secret')),
      `spec.paramKind: Forbidden: ${shown} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)`,
    );
    await shared.ask(201, 'POST', policies, policy('of-secrets', 'Secret'));
    // Whoever changes something else does not read anything by that.
    const labelled = { metadata: { labels: { a: 'b' } } };
    const merge = { headers: { ...zoe.headers, 'content-type': 'application/merge-patch+json' } };
    const changed = await shared.server.request('PATCH', `${policies}/of-secrets`, labelled, merge);
    assert.equal(changed.status, 200, JSON.stringify(changed.json));
    const cannot = (verb: string): string =>
      `spec.paramRef: Forbidden: ${shown} does not have "${verb}" permission on the object referenced by paramRef`;
    const there = { name: 'x', namespace: 'kube-system' };
    assert.equal(await asked(bindings, binding('of-secrets', { name: 'x', namespace: 'default' })), '');
    assert.equal(await asked(bindings, binding('of-secrets', there)), cannot('get'));
    assert.equal(await asked(bindings, binding('of-secrets', { name: 'x' })), cannot('get'));
    assert.equal(await asked(bindings, binding('of-secrets', { selector: {} })), cannot('list'));
    assert.match(
      await asked(bindings, binding('of-nobody', { name: 'x' })),
      /unable to get policy of-nobody to determine minimum required permissions and user .* for all groups, versions and resources$/,
    );
    // A kind that is not served yet may be any of its group, but of no other.
    const unserved = policy('of-limits', 'Limit', 'rules.example.com/v1');
    assert.equal(await asked(policies, unserved), '');
    await shared.ask(201, 'POST', policies, unserved);
    await shared.ask(201, 'POST', policies, policy('of-others', 'Limit', 'other.example.com/v1'));
    assert.equal(await asked(bindings, binding('of-limits', { name: 'x' })), '');
    assert.match(
      await asked(bindings, binding('of-others', { name: 'x' })),
      /unable to resolve paramKind &\{other\.example\.com\/v1 Limit\} to determine minimum required permissions and user /,
    );
  }
});
