import { type ClusterRole, type PolicyRule, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inLoopWorld } from '../memory-loop.ts';
import { startClusterRoleAggregation } from './controller.ts';
import { aggregatedRules } from './decide.ts';

const never = new AbortController().signal;
const rule = (resource: string): PolicyRule => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });

const role = (name: string, more: Partial<ClusterRole> = {}, label?: string): ClusterRole => ({
  metadata: { name, ...(label === undefined ? {} : { labels: { [label]: 'true' } }) },
  ...more,
});

const selecting = (...labels: string[]): Partial<ClusterRole> => ({
  aggregationRule: { clusterRoleSelectors: labels.map((label) => ({ matchLabels: { [label]: 'true' } })) },
});

const resourcesOf = (rules: readonly PolicyRule[] | undefined): unknown =>
  rules?.flatMap((one) => one.resources);

test('a role has the rules of all that it selects, by selector and name, each once, and not its own', () => {
  const all = role('all', { ...selecting('b', 'a'), rules: [rule('old')] }, 'a');
  const roles = [
    all,
    role('z', { rules: [rule('pods'), rule('nodes')] }, 'a'),
    role('c', { rules: [rule('secrets'), rule('nodes')] }, 'a'),
    role('m', { rules: [rule('events')] }, 'b'),
    role('other', { rules: [rule('leases')] }, 'c'),
  ];
  assert.deepEqual(resourcesOf(aggregatedRules(all, roles)), ['events', 'secrets', 'nodes', 'pods']);
  assert.deepEqual(aggregatedRules(role('none', selecting('nobody')), roles), []);
  assert.equal(aggregatedRules(role('plain', { rules: [rule('pods')] }), roles), undefined);
});

test('a rule comes through roles that are made of others themselves, and goes the same way', async () => {
  await inLoopWorld(
    {},
    (api) => {
      api.put(resources.clusterroles, role('top', selecting('middle')));
      api.put(resources.clusterroles, role('middle', selecting('bottom'), 'middle'));
      api.put(resources.clusterroles, role('bottom', { rules: [rule('pods')] }, 'bottom'));
    },
    async ({ api, informers, begin }) => {
      begin(startClusterRoleAggregation);
      const top = (): number => informers.clusterroles.get({ name: 'top' })?.rules?.length ?? 0;
      assert.ok(await informers.clusterroles.until(() => top() === 1, never, 30_000));
      api.remove(resources.clusterroles, 'bottom');
      assert.ok(await informers.clusterroles.until(() => top() === 0, never, 30_000));
    },
  );
});
