/** Writes the rules of ClusterRoles that are made of others, whenever one of those changes. */
import { resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { sameValue } from '../equality.ts';
import { type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { observeForMs } from '../pod-control.ts';
import { aggregatedRules } from './decide.ts';

const fieldManager = 'clusterrole-aggregation-controller';

export function startClusterRoleAggregation(context: LoopContext): Stoppable {
  const { client, informers, term } = context;
  const { clusterroles } = informers;
  return startQueueLoop(context, {
    name: 'clusterroleaggregation',
    concurrency: 2,
    feeds: [allThatAggregate(context)],
    sync: async (key) => {
      const role = clusterroles.get(parseKey(key));
      const rules = role === undefined ? undefined : aggregatedRules(role, clusterroles.list());
      if (role === undefined || rules === undefined || sameValue(role.rules ?? [], rules)) return;
      const { name = '' } = role.metadata ?? {};
      const applied = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name },
        rules,
      };
      const options = { ...term.write, fieldManager, force: true };
      try {
        const written = await client.patch(resources.clusterroles, { name }, 'apply', applied, options);
        const version = Number(written.metadata?.resourceVersion ?? 0);
        await clusterroles.catchUp(version, term.signal, observeForMs);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  });
}

/** Which roles a change concerns depends on labels before and after, also on the way through others: all are looked at. */
function allThatAggregate({ informers: { clusterroles } }: LoopContext): Feed {
  return {
    subscribe(enqueue) {
      const all = (): void => {
        for (const role of clusterroles.list())
          if (role.aggregationRule !== undefined) enqueue(objectKey(role));
      };
      const unsubscribe = clusterroles.on(all);
      all();
      return unsubscribe;
    },
  };
}
