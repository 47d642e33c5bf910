import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '@timonier/api';
import { sharedServer } from '../testing/shared-server.ts';
import { mergeLabelKeys } from './pod-label-keys.ts';

const shared = sharedServer();
const pods = '/api/v1/namespaces/default/pods';
const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' } as const;
const template = { containers: [{ name: 'c', image: 'x' }] };
const labels = { app: 'web', hash: '7f' };

test('the values of labels named by their key go into the selectors that there are', () => {
  const term = () => ({
    topologyKey: 'zone',
    labelSelector: { matchLabels: { app: 'web' } },
    matchLabelKeys: ['hash', 'absent'],
    mismatchLabelKeys: ['app'],
  });
  const preferred = { weight: 1, podAffinityTerm: term() };
  const spec: PodSpec = {
    ...template,
    affinity: {
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred] },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          term(),
          { topologyKey: 'x', matchLabelKeys: ['app'] },
        ],
      },
    },
    topologySpreadConstraints: [{ ...spread, labelSelector: {}, matchLabelKeys: ['hash'] }],
  };
  mergeLabelKeys(spec, labels);
  const both = [
    { key: 'hash', operator: 'In', values: ['7f'] },
    { key: 'app', operator: 'NotIn', values: ['web'] },
  ];
  assert.deepEqual(preferred.podAffinityTerm.labelSelector, {
    matchLabels: { app: 'web' },
    matchExpressions: both,
  });
  const [required, bare] =
    spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  assert.deepEqual(required?.labelSelector?.matchExpressions, both);
  assert.equal(bare?.labelSelector, undefined);
  assert.deepEqual(spec.topologySpreadConstraints?.[0]?.labelSelector, {
    matchExpressions: [{ key: 'hash', operator: 'In', values: ['7f'] }],
  });
});

test('a pod is made with them; a key that its selector has already is refused in a pod, not in a template', async () => {
  const constraint = (selector: object): object => ({
    ...template,
    topologySpreadConstraints: [{ ...spread, labelSelector: selector, matchLabelKeys: ['hash'] }],
  });
  const made = await shared.ask(201, 'POST', pods, {
    metadata: { name: 'spread', labels },
    spec: constraint({ matchLabels: { app: 'web' } }),
  });
  assert.deepEqual(made.spec.topologySpreadConstraints[0].labelSelector, {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'hash', operator: 'In', values: ['7f'] }],
  });
  await shared.ask(200, 'PUT', `${pods}/spread`, made);
  const repeated = constraint({ matchLabels: { hash: '7f' } });
  const refused = await shared.ask(422, 'POST', pods, {
    metadata: { name: 'twice', labels },
    spec: repeated,
  });
  assert.match(
    refused.message,
    /spec.topologySpreadConstraints\[0\]\[0\]: Invalid value: "hash": exists in both matchLabelKeys and labelSelector/,
  );
  await shared.ask(201, 'POST', '/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'spread' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: repeated } },
  });
});
