/**
 * `timonier host exec NAME -- COMMAND`: a program inside a host, with this terminal. The exit code is the program's.
 */
import { openCluster } from '../cluster/local-cluster.ts';
import { defineVerb, clusterFlags } from './verb.ts';

export const host = defineVerb({
  name: 'host',
  usage: 'exec NAME -- COMMAND…',
  summary: 'runs a program inside a host of a cluster',
  examples: ['timonier host exec master-1 -- ip address', 'timonier host exec worker-2 -- crun list'],
  flags: clusterFlags,
  choice: { what: 'action', known: { exec: 'a program, with this terminal' } },
  maxArguments: Number.POSITIVE_INFINITY,
  needsRoot: true,
  run: async ({ flags, positional, argument }) => {
    const [target, program] = [argument(1), argument(2)];
    return openCluster(flags)
      .host(target)
      .exec([program, ...positional.slice(3)]);
  },
});
