/**
 * The cloud's side of node management: tells each node who it is in the cloud, and removes nodes whose machine is
 * gone for good.
 */
import { type Node, resources } from '@timonier/api';
import {
  type ApiClient,
  type CatchingInformer,
  createInformer,
  isConflict,
  isNotFound,
  isStaleEpoch,
  lead,
  officeGauge,
  type Stoppable,
  type Term,
  WorkQueue,
  workQueueMetrics,
} from '@timonier/client';
import type { StartContext } from '@timonier/client/loop-process';
import { Counter } from 'prom-client';
import { decide } from './decide.ts';
import { plainVmProvider } from './plain-vm.ts';
import type { CloudProvider } from './provider.ts';

/** How often each machine is asked for, whatever happens to its node. */
const askEveryMs = 60_000;

/** Starts the cloud controllers for a provider; ready once nodes have been listed, also while passive. */
export function startCloudControllers(
  context: StartContext,
  provider: CloudProvider = plainVmProvider,
): Stoppable {
  const { client, log, metrics, health, office } = context;
  const nodes = createInformer(client, resources.nodes, {
    onError: (error) => log.debug({ err: error }, 'cache is catching up'),
  });
  let filled = false;
  void nodes.synced.then(
    () => (filled = true),
    () => undefined,
  );
  health.addReady('cloud-caches', () => {
    if (!filled) throw new Error('nodes have not been listed yet');
  });
  const requests = new Counter({
    name: 'cloudprovider_api_requests_total',
    help: 'Questions to the cloud provider, by kind and outcome.',
    labelNames: ['request', 'result'] as const,
    registers: [metrics],
  });
  const ask = async <T>(request: string, question: Promise<T>): Promise<T> => {
    try {
      const answer = await question;
      requests.inc({ request, result: 'success' });
      return answer;
    } catch (error) {
      requests.inc({ request, result: 'error' });
      throw error;
    }
  };
  const queueMetrics = workQueueMetrics(metrics);
  const leader = lead({
    office,
    informers: [nodes],
    onError: (error) => log.warn({ err: error }, 'cloud controllers cannot take up their term'),
    onActive: officeGauge(metrics, 'cloud-controller-manager'),
    start: (term) => {
      log.info({ office: term.write.office, provider: provider.name }, 'controlling the cloud side');
      const queue = new WorkQueue({
        name: 'cloud-node',
        concurrency: 4,
        metrics: queueMetrics,
        process: (name) => syncNode({ client, nodes, provider, term, ask, log }, name),
        onError: (name, error, failures) => {
          const ordinary = isConflict(error) || isStaleEpoch(error) || term.signal.aborted;
          const fields = { node: name, failures, err: error };
          if (ordinary) log.debug(fields, 'sync will be repeated');
          else log.warn(fields, 'sync failed, will be repeated');
        },
      });
      const end = nodes.on(({ object }) => queue.add(object.metadata?.name ?? ''));
      for (const node of nodes.list()) queue.add(node.metadata?.name ?? '');
      return {
        stop: async () => {
          end();
          await queue.stop();
        },
      };
    },
  });
  return {
    stop: async () => {
      await leader.stop();
      await nodes.stop();
    },
  };
}

interface NodeSync {
  readonly client: ApiClient;
  readonly nodes: CatchingInformer<Node>;
  readonly provider: CloudProvider;
  readonly term: Term;
  readonly ask: <T>(request: string, question: Promise<T>) => Promise<T>;
  readonly log: StartContext['log'];
}

async function syncNode(
  { client, nodes, provider, term, ask, log }: NodeSync,
  name: string,
): Promise<void | { againAfterMs: number }> {
  const node = nodes.get({ name });
  const { instances } = provider;
  if (node === undefined || instances === undefined) return undefined;
  if (!(await ask('instance_exists', instances.exists(node, term.signal)))) {
    log.info({ node: name }, 'the machine is gone, deleting its node');
    const { uid } = node.metadata ?? {};
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await client.delete(resources.nodes, { name }, { ...term.write, ...preconditions });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }
  const instance = await ask('instance_metadata', instances.metadata(node, term.signal));
  const next = decide(node, instance);
  if (next !== undefined) await client.update(resources.nodes, next, term.write);
  return { againAfterMs: askEveryMs };
}
