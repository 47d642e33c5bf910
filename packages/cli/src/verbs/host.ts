/**
 * `timonier host exec NAME -- COMMAND`: a program inside a host, with this terminal. The exit code is the program's.
 */
import { UsageError } from '@timonier/component';
import { openCluster } from '../cluster/local-cluster.ts';
import { defineVerb, clusterFlags, positionalAt } from './verb.ts';

const usage = 'host exec NAME -- COMMAND…';

export const host = defineVerb({
  name: 'host',
  usage,
  summary: 'runs a program inside a host of a cluster',
  examples: ['timonier host exec master-1 -- ip address', 'timonier host exec worker-2 -- crun list'],
  flags: clusterFlags,
  maxArguments: Number.POSITIVE_INFINITY,
  needsRoot: true,
  run: async ({ flags, positional }) => {
    const action = positionalAt(positional, 0, usage);
    if (action !== 'exec') throw new UsageError(`unknown action "${action}"; usage: timonier ${usage}`);
    const target = positionalAt(positional, 1, usage);
    positionalAt(positional, 2, usage);
    return openCluster(flags).host(target).exec(positional.slice(2));
  },
});
