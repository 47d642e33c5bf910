import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsOf } from './configuration.ts';
import { EventBuckets } from './optional/event-rates.ts';
import { areAllowed, mergedTolerations } from './optional/tolerations.ts';
import { policyOf } from './pod-security/policy.ts';

const files: Readonly<Record<string, string>> = {
  'selectors.yaml':
    'podNodeSelectorPluginConfig: {clusterDefaultNodeSelector: "disk=ssd", fast: "zone=a,disk=ssd"}',
};
const read = (path: string): Promise<string> => {
  const text = files[path];
  return text === undefined ? Promise.reject(new Error(`no such file: ${path}`)) : Promise.resolve(text);
};
const document = (plugins: string): string =>
  `apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: ${plugins}`;
const configured = (name: string, configuration: string): string =>
  document(`[{name: ${name}, configuration: ${configuration}}]`);

const podSecurity = 'apiVersion: pod-security.admission.config.k8s.io/v1, kind: PodSecurityConfiguration';
const rates = 'apiVersion: eventratelimit.admission.k8s.io/v1alpha1, kind: Configuration';
const tolerations = 'apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1, kind: Configuration';

test('plugins are configured in the document or in files that it names', async () => {
  const { podSecurity: security, nodeSelectors } = await settingsOf(
    document(
      `[{name: PodNodeSelector, path: selectors.yaml}, {name: PodSecurity, configuration: {${podSecurity}, defaults: {enforce: baseline, enforce-version: v1.30}, exemptions: {usernames: [root], namespaces: [kube-system]}}}]`,
    ),
    read,
  );
  assert.deepEqual(nodeSelectors, { usual: 'disk=ssd', allowed: new Map([['fast', 'zone=a,disk=ssd']]) });
  assert.deepEqual(security?.defaults, { enforce: 'baseline', 'enforce-version': 'v1.30' });
  assert.deepEqual([...(security?.exempt.usernames ?? [])], ['root']);
  const limits = await settingsOf(
    configured(
      'EventRateLimit',
      `{${rates}, limits: [{type: Namespace, qps: 5, burst: 10, cacheSize: 2}, {type: Server, qps: 1, burst: 1}]}`,
    ),
    read,
  );
  assert.deepEqual(limits.eventLimits, [
    { type: 'Namespace', qps: 5, burst: 10, cacheSize: 2 },
    { type: 'Server', qps: 1, burst: 1, cacheSize: 4_096 },
  ]);
  const { tolerations: restricted } = await settingsOf(
    configured(
      'PodTolerationRestriction',
      `{${tolerations}, default: [{key: a, operator: Exists}], whitelist: [{operator: Exists}]}`,
    ),
    read,
  );
  assert.deepEqual(restricted, {
    usual: [{ key: 'a', operator: 'Exists' }],
    allowed: [{ operator: 'Exists' }],
  });
  assert.deepEqual(await settingsOf(document('[]'), read), {});
});

test('what is wrong in a configuration is told with its place', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['kind: Other', /kind: Required value/],
    [
      document('[{name: Prioritee}]'),
      /plugins\[0\]\.name: Unsupported value: "Prioritee": takes no configuration/,
    ],
    [document('[{name: PodSecurity}, {name: PodSecurity}]'), /plugins\[1\]\.name: Duplicate value/],
    [document('[{name: PodNodeSelector, path: nowhere}]'), /plugins\[0\] \(PodNodeSelector\): no such file/],
    [
      configured('PodSecurity', `{${podSecurity}, defaults: {enforce: strict}}`),
      /defaults: enforce: must be one of/,
    ],
    [
      configured('PodSecurity', `{${podSecurity}, defaults: {enforced: baseline}}`),
      /defaults\.enforced: unknown field/,
    ],
    [
      configured('PodSecurity', `{${podSecurity}, exemptions: {users: []}}`),
      /exemptions\.users: unknown field/,
    ],
    [configured('EventRateLimit', `{${rates}}`), /limits: Invalid value: must not be empty/],
    [
      configured('EventRateLimit', `{${rates}, limits: [{type: Pod, qps: 1, burst: 1}]}`),
      /type: Unsupported value/,
    ],
    [
      configured('EventRateLimit', `{${rates}, limits: [{type: User, qps: 0, burst: 1}]}`),
      /qps: Invalid value/,
    ],
    [
      configured('PodTolerationRestriction', `{${tolerations}, default: [{keys: a}]}`),
      /default\[0\]\.keys: unknown/,
    ],
  ];
  for (const [text, problem] of table) await assert.rejects(settingsOf(text, read), problem, text);
});

test('a namespace that says nothing has the policy of the cluster, and its own word counts first', () => {
  const defaults = { enforce: 'baseline', 'enforce-version': 'v1.30', warn: 'restricted' };
  const label = (name: string, value: string): Record<string, string> => ({
    [`pod-security.kubernetes.io/${name}`]: value,
  });
  assert.equal(policyOf({}, 'enforce', defaults).name, 'baseline:v1.30');
  assert.equal(policyOf({}, 'warn', defaults).name, 'restricted:latest');
  assert.equal(policyOf({}, 'audit', defaults).name, 'privileged:latest');
  assert.equal(policyOf(label('enforce', 'privileged'), 'enforce', defaults).name, 'privileged:v1.30');
});

test('who enforces a level is warned at that level only where it is stricter than the one of the cluster', () => {
  const name = (labels: Readonly<Record<string, string>>, warn: string): string => {
    const prefixed = Object.entries(labels).map(([key, value]) => [
      `pod-security.kubernetes.io/${key}`,
      value,
    ]);
    const defaults = { 'enforce-version': 'v1.30', warn, 'warn-version': 'v1.31' };
    return policyOf(Object.fromEntries(prefixed), 'warn', defaults).name;
  };
  assert.equal(name({ enforce: 'baseline' }, 'restricted'), 'restricted:v1.31');
  assert.equal(name({ enforce: 'privileged' }, 'restricted'), 'restricted:v1.31');
  assert.equal(name({ enforce: 'baseline', 'enforce-version': 'v1.29' }, 'baseline'), 'baseline:v1.31');
  assert.equal(name({ enforce: 'restricted' }, 'baseline'), 'restricted:v1.30');
  assert.equal(name({ enforce: 'restricted', 'warn-version': 'v1.28' }, 'baseline'), 'restricted:v1.28');
  assert.equal(name({ enforce: 'baseline', warn: 'privileged' }, 'restricted'), 'privileged:v1.31');
  // A level that nobody knows is enforced as the strictest, and is no reason to warn of more.
  assert.equal(name({ enforce: 'what' }, 'baseline'), 'baseline:v1.31');
});

test('a bucket gives what it holds and what has come since, and forgets who asked longest ago', () => {
  const buckets = new EventBuckets({ type: 'Namespace', qps: 2, burst: 3, cacheSize: 2 });
  const taken = (key: string, now: number, times: number): number =>
    Array.from({ length: times }, () => buckets.take(key, now)).filter(Boolean).length;
  assert.equal(taken('a', 0, 5), 3);
  assert.equal(taken('a', 500, 5), 1);
  assert.equal(taken('a', 60_000, 5), 3);
  assert.equal(taken('b', 60_000, 1), 1);
  assert.equal(buckets.take('a', 60_000), false);
  // Nobody asked about `b` as lately as about `a`.
  assert.equal(taken('c', 60_000, 1), 1);
  assert.equal(buckets.size, 2);
  assert.equal(taken('b', 60_000, 5), 3);
});

test('tolerations that others hold are left out, and each must be held by one that is allowed', () => {
  const [any, a, aFor5, aFor9, other] = [
    { operator: 'Exists' },
    { key: 'a', operator: 'Exists', effect: 'NoExecute' },
    { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
    { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 9 },
    { key: 'b', value: 'x', effect: 'NoSchedule' },
  ] as const;
  assert.deepEqual(mergedTolerations([aFor5, other], [aFor9]), [other, aFor9]);
  assert.deepEqual(mergedTolerations([aFor5], [a, any]), [any]);
  assert.deepEqual(mergedTolerations([other], [other]), [other]);
  assert.equal(areAllowed([aFor5, other], [aFor9, { key: 'b', operator: 'Exists' }]), true);
  assert.equal(areAllowed([a], [aFor9]), false);
  assert.equal(
    areAllowed([other], [{ key: 'b', operator: 'Equal', value: 'y', effect: 'NoSchedule' }]),
    false,
  );
});
