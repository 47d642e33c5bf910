import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '@timonier/component';
import { optionalPlugins } from './optional/names.ts';
import { admissionPlugins } from './plugins.ts';
import { selectPlugins } from './select.ts';

function names(disable: string[], enable: string[] = []): string[] {
  return selectPlugins(admissionPlugins, { enable, disable }).map(({ name }) => name);
}

test('plugins run in the order of upstream, and those that upstream leaves off are off', () => {
  assert.deepEqual(names([]), [
    'NamespaceLifecycle',
    'LimitRanger',
    'ServiceAccount',
    'NodeRestriction',
    'TaintNodesByCondition',
    'PodSecurity',
    'Priority',
    'DefaultTolerationSeconds',
    'DefaultStorageClass',
    'StorageObjectInUseProtection',
    'PersistentVolumeClaimResize',
    'RuntimeClass',
    'CertificateApproval',
    'CertificateSigning',
    'CertificateSubjectRestriction',
    'DefaultIngressClass',
    'PodTopologyLabels',
    'PodResizeValidator',
    'MutatingAdmissionPolicy',
    'MutatingAdmissionWebhook',
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionWebhook',
    'ResourceQuota',
  ]);
});

test('plugins are switched by name, each in its place', () => {
  assert.deepEqual(
    names(['Priority']),
    names([]).filter((name) => name !== 'Priority'),
  );
  const more = names(
    [],
    ['AlwaysPullImages', 'NamespaceLifecycle', 'NodeRestriction', 'AlwaysDeny', 'PodNodeSelector'],
  );
  assert.deepEqual(more.slice(4, 8), [
    'TaintNodesByCondition',
    'AlwaysPullImages',
    'PodSecurity',
    'PodNodeSelector',
  ]);
  assert.equal(more.at(-1), 'AlwaysDeny');
  assert.deepEqual(names(['PodGroupProtection']), names([]));
  assert.equal(names(['NamespaceLifecycle'])[0], 'LimitRanger');
});

test('a name that nobody knows, or that cannot be switched that way, is an error that says what is', () => {
  const table: readonly (readonly [string[], string[], RegExp])[] = [
    [['Prioritee'], [], /disable-admission-plugins plugin "Prioritee" is unknown; did you mean Priority\?/],
    [[], ['AlwaysPullImage'], /enable-admission-plugins plugin .* did you mean AlwaysPullImages\?/],
    [[], ['x'], /is unknown; there are .*ResourceQuota/],
    [
      ['Priority'],
      ['Priority'],
      /\[Priority\] in enable-admission-plugins and disable-admission-plugins overlapped/,
    ],
    [[], ['ClusterTrustBundleAttest'], /kinds that this server does not have/],
  ];
  for (const [disable, enable, message] of table)
    assert.throws(
      () => names(disable, enable),
      (error) => error instanceof UsageError && message.test(error.message),
    );
});

test('the help names every plugin that is off by default', () => {
  const off = admissionPlugins.filter(({ isOffByDefault }) => isOffByDefault).map(({ name }) => name);
  assert.deepEqual([...optionalPlugins].sort(), off.sort());
});
