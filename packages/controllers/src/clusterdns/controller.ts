/** Keeps the Service `kube-system/kube-dns` and its endpoints: the hosts that run the DNS component. */
import { resources } from '@timonier/api';
import { isAlreadyExists, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide, dnsNamespace, dnsServiceName, dnsSliceName } from './decide.ts';

const observeForMs = 2_000;

export function startClusterDnsController(context: LoopContext): Stoppable {
  const { client, informers, term, settings } = context;
  const isDns = (object: { metadata?: { namespace?: string; name?: string } }, name: string): string[] =>
    object.metadata?.namespace === dnsNamespace && object.metadata.name === name ? ['dns'] : [];
  return startQueueLoop(context, {
    name: 'clusterdns',
    concurrency: 1,
    feeds: [
      { subscribe: (enqueue) => (enqueue('dns'), () => undefined) },
      feed(informers.nodes, () => ['dns']),
      feed(informers.services, (service) => isDns(service, dnsServiceName)),
      feed(informers.endpointslices, (slice) => isDns(slice, dnsSliceName)),
    ],
    sync: async () => {
      const key = { namespace: dnsNamespace, name: dnsServiceName };
      const service = informers.services.get(key);
      const slice = informers.endpointslices.get({ namespace: dnsNamespace, name: dnsSliceName });
      const nodes = informers.nodes.list();
      const decision = decide({ address: settings.dnsServiceAddress, nodes, service, slice });
      if (decision.createService !== undefined) {
        try {
          const created = await client.create(resources.services, decision.createService, term.write);
          const revision = Number(created.metadata?.resourceVersion ?? 0);
          await informers.services.catchUp(revision, term.signal, observeForMs);
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
        }
        // The slice is written by the run that sees the Service, so that it is owned by it.
        return;
      }
      if (decision.slice === undefined) return;
      const { verb, object } = decision.slice;
      const written =
        verb === 'create'
          ? await client.create(resources.endpointslices, object, term.write)
          : await client.update(resources.endpointslices, object, term.write);
      const revision = Number(written.metadata?.resourceVersion ?? 0);
      await informers.endpointslices.catchUp(revision, term.signal, observeForMs);
    },
  });
}
