/** Signs the cluster's public description with every bootstrap token that may, and takes back old signatures. */
import { resources } from '@timonier/api';
import type { Stoppable } from '@timonier/client';
import { bootstrapToken } from '../bootstrap/token.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';

export const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' };

export function startBootstrapSigner(context: LoopContext): Stoppable {
  const { client, informers, term } = context;
  return startQueueLoop(context, {
    name: 'bootstrapsigner',
    concurrency: 1,
    feeds: [
      feed(informers.clusterInfos, () => ['cluster-info']),
      feed(informers.bootstrapTokens, () => ['cluster-info']),
    ],
    sync: async () => {
      const info = informers.clusterInfos.get(clusterInfo);
      if (info === undefined) return;
      const tokens = informers.bootstrapTokens.list().flatMap((secret) => bootstrapToken(secret) ?? []);
      const data = decide(info, tokens, Date.now());
      if (data !== undefined) await client.update(resources.configmaps, { ...info, data }, term.write);
    },
  });
}
