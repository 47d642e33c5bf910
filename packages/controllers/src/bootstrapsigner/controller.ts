/**
 * Keeps the cluster's public description: makes it when it is not there, signs it with every bootstrap token that may, and
 * takes back old signatures. What people wrote into it stays.
 */
import { resources } from '@timonier/api';
import { isAlreadyExists, type Stoppable } from '@timonier/client';
import { bootstrapToken } from '../bootstrap/token.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide, describeCluster } from './decide.ts';

export const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' };

export function startBootstrapSigner(context: LoopContext): Stoppable {
  const { client, informers, term, settings } = context;
  return startQueueLoop(context, {
    name: 'bootstrapsigner',
    concurrency: 1,
    feeds: [
      { subscribe: (enqueue) => (enqueue('cluster-info'), () => undefined) },
      feed(informers.clusterInfos, () => ['cluster-info']),
      feed(informers.bootstrapTokens, () => ['cluster-info']),
    ],
    sync: async () => {
      const info = informers.clusterInfos.get(clusterInfo);
      if (info === undefined) {
        if (settings.apiServer === '' || settings.rootCa === '') return;
        const data = { kubeconfig: describeCluster(settings.apiServer, settings.rootCa) };
        try {
          // It is signed by the run that sees it.
          await client.create(resources.configmaps, { metadata: clusterInfo, data }, term.write);
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
        }
        return;
      }
      const tokens = informers.bootstrapTokens.list().flatMap((secret) => bootstrapToken(secret) ?? []);
      const data = decide(info, tokens, Date.now());
      if (data !== undefined) await client.update(resources.configmaps, { ...info, data }, term.write);
    },
  });
}
