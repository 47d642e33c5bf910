/**
 * How long a pod takes from being scheduled to running, as a watcher of the API sees it: from the event that first
 * shows `spec.nodeName` to the one that first shows phase Running. Pods one after the other, then all at once; the
 * peer is Debian's containerd below the same kubelet, in the same run.
 */
import { ApiSession } from '../../test/acceptance/api-session.ts';
import type { Cluster } from '../../test/acceptance/cluster.ts';
import { defineBenchmark, percentile, runsFlag } from '../benchmark.ts';
import { withCluster } from '../local-cluster.ts';
import { PodTimes } from './pod-times.ts';

const path = '/api/v1/namespaces/default/pods';
const requestMs = 10_000;

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'main',
          image: 'timonier.local/demo:latest',
          imagePullPolicy: 'IfNotPresent',
          command: ['sleep', '3600'],
        },
      ],
    },
  };
}

interface Samples {
  readonly single: readonly number[];
  readonly burst: readonly number[];
  /** Mean of the kubelet's own histogram, from seeing a pod to its containers running. */
  readonly kubeletMeanMs: number;
}

async function measure(cluster: Cluster, count: number): Promise<Samples> {
  const session = await ApiSession.open(cluster.kubeconfig);
  const times = new PodTimes(session, path);
  const create = async (name: string): Promise<void> => {
    const { status } = await session.send('POST', path, pod(name), {}, requestMs);
    if (status !== 201) throw new Error(`pod ${name} was answered with ${status}`);
  };
  const remove = async (names: readonly string[]): Promise<void> => {
    await Promise.all(
      names.map((name) => session.send('DELETE', `${path}/${name}`, undefined, {}, requestMs)),
    );
    for (const name of names) await times.gone(name);
  };
  try {
    // The first one warms what every node warms once: compiled code, the pause root, connections.
    await create('warm-up');
    await times.running('warm-up');
    await remove(['warm-up']);
    const single: number[] = [];
    for (let i = 0; i < count; i++) {
      await create(`single-${i}`);
      single.push(await times.running(`single-${i}`));
      await remove([`single-${i}`]);
    }
    const names = Array.from({ length: count }, (_, i) => `burst-${i}`);
    await Promise.all(names.map(create));
    const burst = await Promise.all(names.map((name) => times.running(name)));
    await remove(names);
    return { single, burst, kubeletMeanMs: await kubeletMean(cluster) };
  } finally {
    times.close();
    session.close();
  }
}

async function kubeletMean(cluster: Cluster): Promise<number> {
  const text = await cluster.exec('worker-1', ['curl', '-sf', 'http://127.0.0.1:10248/metrics']);
  const value = (name: string): number =>
    Number(new RegExp(`^kubelet_pod_start_duration_seconds_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return (1000 * value('sum')) / value('count');
}

export const benchmark = defineBenchmark({
  summary: 'from scheduled to running, one pod after the other and 20 at once, ours and on containerd',
  flags: { runs: runsFlag(20, 'how many pods one after the other') },
  run: async ({ runs }, log) => {
    const figures: Record<string, number> = {};
    const rows: (string | number)[][] = [];
    for (const runtime of ['timonier', 'containerd'] as const) {
      const { single, burst, kubeletMeanMs } = await withCluster(
        `pods-${runtime}`,
        { masters: 1, workers: 1, runtime },
        (cluster) => measure(cluster, runs),
      );
      for (const [how, samples] of Object.entries({ single, burst })) {
        const p50 = percentile(samples, 0.5);
        const p99 = percentile(samples, 0.99);
        rows.push([runtime, how === 'single' ? 'one by one' : 'at once', samples.length, p50, p99]);
        figures[`${runtime} ${how} p50 ms`] = p50;
        figures[`${runtime} ${how} p99 ms`] = p99;
      }
      figures[`${runtime} kubelet mean ms`] = kubeletMeanMs;
      log(`${runtime}: measured; the kubelet's own mean is ${kubeletMeanMs.toFixed(0)} ms`);
    }
    return {
      columns: ['runtime', 'pods', 'count', 'p50 ms', 'p99 ms'],
      rows,
      figures,
      bounds: [
        { figure: 'timonier single p50 ms', atMost: 400 },
        { figure: 'timonier single p99 ms', atMost: 1_500 },
        { figure: 'timonier burst p99 ms', atMost: 1_500 },
      ],
      notes: ['Times between two events of one watch, so the time of the watch itself cancels out.'],
    };
  },
});
