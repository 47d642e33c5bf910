/** `timonier image load FILE`: puts an image archive on every node of a cluster, as a registry would. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadImage } from '../cluster/images.ts';
import { openCluster } from '../cluster/local-cluster.ts';
import { clusterFlags, defineVerb } from './verb.ts';

export const image = defineVerb({
  name: 'image',
  usage: 'load FILE',
  summary: 'puts an OCI or docker image archive on every node of a cluster',
  examples: ['timonier image load my-image.tar'],
  flags: clusterFlags,
  choice: { what: 'action', known: { load: 'an archive, as a registry would' } },
  maxArguments: 2,
  needsRoot: true,
  run: async ({ flags, argument }) => {
    const file = resolve(argument(1));
    if (!existsSync(file)) throw new Error(`there is no file ${file}`);
    for (const name of await loadImage(openCluster(flags), file)) process.stdout.write(`${name}\n`);
    return 0;
  },
});
