/**
 * What the control loops cost: CPU and memory of our scheduler and controllers in a cluster with nothing to do, and while a
 * Deployment comes and goes. Nodes are there in name only (test/conformance/upstream/kubelets.ts), so that everything is
 * left to the loops. When `npm run peers -- kube-controller-manager kube-scheduler` has built them, Kubernetes' own are
 * measured in the same way, in the same run, over an API server and a store of ours, too.
 */
import { type Deployment, resources } from '@timonier/api';
import type { ApiClient } from '@timonier/client';
import { booleanFlag, numberFlag } from '@timonier/component';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../test/acceptance/wait.ts';
import { ControlPlane } from '../../test/conformance/upstream/control-plane.ts';
import { Kubelets } from '../../test/conformance/upstream/kubelets.ts';
import { peer } from '../../test/peers/peer.ts';
import { defineBenchmark, median } from '../benchmark.ts';
import { undoneAtEnd } from '../ending.ts';
import { cpuMicros } from '../store/cpu.ts';

const nodes = ['node-1', 'node-2', 'node-3', 'node-4'];
const settleMs = 6_000;
const idleMs = 12_000;
const burstMs = 60_000;
const key = { namespace: 'default', name: 'burst' };

type Whose = 'Timonier' | 'Kubernetes';
type Loop = 'controller-manager' | 'scheduler';
const loops: readonly Loop[] = ['controller-manager', 'scheduler'];

interface Cost {
  readonly loop: Loop;
  /** Percent of one core. */
  readonly idle: number;
  readonly idleMiB: number;
  /** Milliseconds of CPU for all replicas from nothing to ready, and from ready to gone. */
  readonly up: number;
  readonly down: number;
  readonly burstMiB: number;
}

interface Outcome {
  readonly costs: readonly Cost[];
  /** Until all replicas were ready, by the clock on the wall. */
  readonly readyMs: number;
}

function pssMiB(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1024;
}

async function begin(plane: ControlPlane, whose: Whose): Promise<Map<Loop, number>> {
  if (whose === 'Timonier') for (const loop of loops) await plane.startOwnLoop(loop);
  else {
    await plane.startControllerManager();
    await plane.startScheduler();
  }
  return new Map(
    loops.map((loop) => {
      const name = whose === 'Timonier' ? loop : `kube-${loop}`;
      const found = plane.processes.find((one) => one.name === name);
      if (found === undefined) throw new Error(`${name} was not started`);
      return [loop, found.pid];
    }),
  );
}

function deployment(replicas: number): Deployment {
  const labels = { app: key.name };
  return {
    metadata: key,
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'any' }] },
      },
    },
  };
}

/** From nothing to ready and to nothing again. Calls `reached` at each of the two. */
async function burst(client: ApiClient, replicas: number, reached: () => void): Promise<number> {
  const began = performance.now();
  await client.create(resources.deployments, deployment(replicas));
  await until('all replicas are ready', burstMs, async () =>
    (await client.get(resources.deployments, key)).status?.readyReplicas === replicas ? true : undefined,
  );
  const readyMs = performance.now() - began;
  reached();
  await client.delete(resources.deployments, key, { propagationPolicy: 'Background' });
  await until('all replicas are gone', burstMs, async () =>
    (await client.list(resources.pods, { namespace: key.namespace })).items.length === 0 ? true : undefined,
  );
  reached();
  return readyMs;
}

async function measure(
  whose: Whose,
  replicas: number,
  rounds: number,
  log: (line: string) => void,
): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-loops-'));
  let plane: ControlPlane | undefined;
  let kubelets: Kubelets | undefined;
  const takeDown = async (): Promise<void> => {
    await kubelets?.stop();
    await plane?.close();
    await rm(directory, { recursive: true, force: true });
  };
  const forget = undoneAtEnd(takeDown);
  try {
    plane = await ControlPlane.start({
      directory,
      store: 'timonier',
      apiServer: 'timonier',
      workers: 1,
      nodes,
    });
    const started = plane;
    kubelets = new Kubelets((name) => started.kubelet(name));
    const pids = await begin(plane, whose);
    for (const node of nodes) await kubelets.add(node);
    const client = plane.client('admin');
    const cpuOf = (): Map<Loop, number> => new Map([...pids].map(([loop, pid]) => [loop, cpuMicros([pid])]));
    // Once before: what is compiled for the first of all bursts is no part of the others.
    await burst(client, replicas, () => undefined);
    await pause(settleMs);
    const idleFrom = cpuOf();
    await pause(idleMs);
    const idleTo = cpuOf();
    const idleMiB = new Map([...pids].map(([loop, pid]) => [loop, pssMiB(pid)]));
    const spent: { readonly at: Map<Loop, number> }[][] = [];
    const readyMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const marks = [{ at: cpuOf() }];
      readyMs.push(await burst(client, replicas, () => marks.push({ at: cpuOf() })));
      spent.push(marks);
      log(`${whose}: ${replicas} replicas were ready after ${readyMs.at(-1)?.toFixed(0)} ms`);
      await pause(1_000);
    }
    // The kernel counts in steps of 10 ms: a mean is finer than a median.
    const between = (loop: Loop, from: number): number =>
      spent.reduce(
        (sum, marks) =>
          sum + (marks[from + 1]?.at.get(loop) ?? Number.NaN) - (marks[from]?.at.get(loop) ?? 0),
        0,
      ) /
      (1_000 * spent.length);
    return {
      readyMs: median(readyMs),
      costs: loops.map((loop) => ({
        loop,
        idle: ((idleTo.get(loop) ?? 0) - (idleFrom.get(loop) ?? 0)) / (idleMs * 10),
        idleMiB: idleMiB.get(loop) ?? Number.NaN,
        up: between(loop, 0),
        down: between(loop, 1),
        burstMiB: pssMiB(pids.get(loop) ?? 0),
      })),
    };
  } finally {
    forget();
    await takeDown();
  }
}

export const benchmark = defineBenchmark({
  summary: 'CPU and memory of scheduler and controllers, idle and in a burst',
  flags: {
    replicas: numberFlag(200, 'of the Deployment that comes and goes', { min: 1, max: 400 }),
    rounds: numberFlag(5, 'how often it comes and goes', { min: 1, max: 100 }),
    alone: booleanFlag(false, "leaves Kubernetes' own out"),
  },
  run: async ({ replicas, rounds, alone }, log) => {
    const missing = loops.flatMap((loop) => {
      const found = peer(`kube-${loop}`);
      return 'missing' in found ? [found.missing] : [];
    });
    const hasPeer = !alone && missing.length === 0;
    const all: (readonly [Whose, Outcome])[] = [
      ['Timonier', await measure('Timonier', replicas, rounds, log)],
    ];
    if (hasPeer) all.push(['Kubernetes', await measure('Kubernetes', replicas, rounds, log)]);
    const figures: Record<string, number> = {};
    for (const [whose, { costs, readyMs }] of all) {
      figures[`${whose} ready ms`] = readyMs;
      for (const { loop, idle, idleMiB, up, down, burstMiB } of costs) {
        const name = `${whose} ${loop}`;
        figures[`${name} idle %`] = idle;
        figures[`${name} idle MiB`] = idleMiB;
        figures[`${name} up ms`] = up;
        figures[`${name} down ms`] = down;
        figures[`${name} burst MiB`] = burstMiB;
      }
    }
    return {
      columns: [
        'whose',
        'loop',
        'idle CPU %',
        'idle MiB',
        'up CPU ms',
        'down CPU ms',
        'then MiB',
        'ready ms',
      ],
      rows: all.flatMap(([whose, { costs, readyMs }]) =>
        costs.map(({ loop, idle, idleMiB, up, down, burstMiB }) => [
          whose,
          loop,
          idle,
          idleMiB,
          up,
          down,
          burstMiB,
          readyMs,
        ]),
      ),
      figures,
      bounds: [],
      notes: [
        `${nodes.length} nodes in name only. A Deployment of ${replicas} replicas comes and goes ${rounds} times after a first one that does not count: the mean of their CPU, the median of their times.`,
        'CPU idle in percent of one core, in a burst in milliseconds; memory as PSS.',
        hasPeer
          ? "Kubernetes' controllers run with all that are on by default, which are more than ours; both are allowed 200 calls a second by their own count, which ours do not keep."
          : alone
            ? "Kubernetes' own were left out."
            : `Kubernetes' own were not measured: ${missing.join('; ')}`,
      ],
    };
  },
});
