import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAuthorizationConfiguration } from './configuration.ts';
import { fieldRequirements, labelRequirements } from './selectors.ts';
import { decisionOf } from './webhook.ts';

const webhook = {
  authorizedTTL: '5m',
  unauthorizedTTL: '30s',
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/etc/hook' },
};

function parse(...authorizers: unknown[]): ReturnType<typeof parseAuthorizationConfiguration> {
  const type = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
  return parseAuthorizationConfiguration(JSON.stringify({ ...type, authorizers }));
}

function hook(change: object = {}): object {
  return { type: 'Webhook', name: 'hook', webhook: { ...webhook, ...change } };
}

test('authorizers are asked in the order of the configuration, and what is wrong with it is told by its field', () => {
  const good = parse(hook(), { type: 'Node', name: 'node' }, { type: 'RBAC', name: 'rbac' });
  assert.deepEqual(
    good.map(({ type }) => type),
    ['Webhook', 'Node', 'RBAC'],
  );
  assert.equal(good[0]?.type === 'Webhook' && good[0].webhook.authorizedMs, 300_000);
  const table: readonly (readonly [unknown[], RegExp])[] = [
    [[], /authorizers: Required value/],
    [[{ type: 'ABAC', name: 'a' }], /authorizers\[0\]\.type: Unsupported value: "ABAC"/],
    [[{ type: 'RBAC' }], /authorizers\[0\]\.name: Required value/],
    [[{ type: 'RBAC', name: 'A_b' }], /authorizer name is invalid/],
    [
      [
        { type: 'RBAC', name: 'a' },
        { type: 'RBAC', name: 'b' },
      ],
      /authorizers\[1\]\.type: Duplicate value/,
    ],
    [[{ type: 'Webhook', name: 'a' }], /webhook: Required value: required when type=Webhook/],
    [[{ type: 'RBAC', name: 'a', webhook }], /may only be specified when type=Webhook/],
    [[hook({ timeout: '31s' })], /timeout: Invalid value: must be > 0s and <= 30s/],
    [[hook({ authorizedTTL: '0' })], /authorizedTTL: Invalid value/],
    [[hook({ failurePolicy: 'Allow' })], /failurePolicy: Unsupported value: "Allow"/],
    [[hook({ failurePolcy: 'Deny' })], /webhook\.failurePolcy: unknown field/],
    [[hook({ connectionInfo: { type: 'InClusterConfig' } })], /an API server is not in its own cluster/],
    [
      [hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'hook' } })],
      /must be an absolute path/,
    ],
    [[hook({ matchConditions: [{ expression: 'true' }] })], /required if match conditions are specified/],
    [
      [
        hook({
          matchConditionSubjectAccessReviewVersion: 'v1',
          matchConditions: [{ expression: 'request.usr == ""' }],
        }),
      ],
      /matchConditions\[0\]\.expression: .*compilation failed/,
    ],
  ];
  for (const [authorizers, message] of table) assert.throws(() => parse(...authorizers), message);
});

test('selectors limit as far as they are understood', () => {
  assert.deepEqual(fieldRequirements({ rawSelector: 'a=b,c!=d' }), {
    requirements: [
      { key: 'a', operator: 'In', values: ['b'] },
      { key: 'c', operator: 'NotIn', values: ['d'] },
    ],
    isPartial: false,
  });
  assert.deepEqual(labelRequirements({ rawSelector: 'a in (b,c),!d,e>1' }), {
    requirements: [
      { key: 'a', operator: 'In', values: ['b', 'c'] },
      { key: 'd', operator: 'DoesNotExist' },
    ],
    isPartial: true,
  });
  assert.deepEqual(labelRequirements({ rawSelector: '((' }), { requirements: [], isPartial: true });
  assert.deepEqual(fieldRequirements(undefined), { requirements: [], isPartial: false });
});

test('an answer that says both yes and no, or nothing at all, is none', () => {
  assert.equal(decisionOf({ status: { allowed: true } }).verdict, 'allow');
  assert.equal(decisionOf({ status: { denied: true } }).verdict, 'deny');
  assert.equal(decisionOf({ status: {} }).verdict, 'noOpinion');
  assert.throws(() => decisionOf({ status: { allowed: true, denied: true } }), /both allow and deny/);
  assert.throws(() => decisionOf(undefined), /without a status/);
});
