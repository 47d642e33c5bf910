/** `timonier image load FILE`: puts an image archive on every node of a cluster, as a registry would. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '@timonier/component';
import { loadImage } from '../cluster/images.ts';
import { openCluster } from '../cluster/local-cluster.ts';
import { clusterFlags, defineVerb, positionalAt } from './verb.ts';

const usage = 'image load FILE';

export const image = defineVerb({
  name: 'image',
  usage,
  summary: 'puts an OCI or docker image archive on every node of a cluster',
  examples: ['timonier image load my-image.tar'],
  flags: clusterFlags,
  maxArguments: 2,
  needsRoot: true,
  run: async ({ flags, positional }) => {
    const action = positionalAt(positional, 0, usage);
    if (action !== 'load') throw new UsageError(`unknown action "${action}"; usage: timonier ${usage}`);
    const file = resolve(positionalAt(positional, 1, usage));
    if (!existsSync(file)) throw new Error(`there is no file ${file}`);
    for (const name of await loadImage(openCluster(flags), file)) process.stdout.write(`${name}\n`);
    return 0;
  },
});
