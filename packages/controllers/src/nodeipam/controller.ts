/**
 * Gives nodes their pod ranges. One key for all nodes, so that two assignments are never decided on the same view; a
 * node's own range is only ever set when it has none, which the API server holds too.
 */
import { resources } from '@timonier/api';
import type { Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';

const observeForMs = 2_000;

export function startNodeIpamController(context: LoopContext): Stoppable {
  const { client, informers, term, settings, recorder } = context;
  return startQueueLoop(context, {
    name: 'nodeipam',
    concurrency: 1,
    feeds: [feed(informers.nodes, () => ['nodes'])],
    sync: async () => {
      const { assignments, exhausted } = decide(
        informers.nodes.list(),
        settings.clusterCidr,
        settings.nodeCidrMaskSize,
      );
      let revision = 0;
      for (const { node: name, podCidr } of assignments) {
        const node = informers.nodes.get({ name });
        if (node === undefined) continue;
        const spec = { ...node.spec, podCIDR: podCidr, podCIDRs: [podCidr] };
        const updated = await client.update(resources.nodes, { ...node, spec }, term.write);
        revision = Math.max(revision, Number(updated.metadata?.resourceVersion ?? 0));
      }
      for (const name of exhausted) {
        const node = informers.nodes.get({ name });
        if (node !== undefined) {
          recorder.event(
            node,
            'Warning',
            'CIDRNotAvailable',
            `No pod range is left in ${settings.clusterCidr}`,
          );
        }
      }
      if (revision > 0) await informers.nodes.catchUp(revision, term.signal, observeForMs);
    },
  });
}
