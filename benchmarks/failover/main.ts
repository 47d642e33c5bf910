/**
 * How long nobody can write: from kill -9 of the active master's host to the first write acknowledged elsewhere, seen by a
 * probe that opens a new connection to every master and to the virtual address every 10 ms. With `--silent`, the same of
 * three stores, one of which loses its link before it dies.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApiSession } from '../../test/acceptance/api-session.ts';
import type { Cluster } from '../../test/acceptance/cluster.ts';
import { until } from '../../test/acceptance/wait.ts';
import type { Benchmark, BenchmarkResult } from '../benchmark.ts';
import { median } from '../benchmark.ts';
import { runInSandbox } from '../in-sandbox.ts';
import { withCluster } from '../local-cluster.ts';
import { etcdFailovers } from './etcd-peer.ts';
import type { SilentInput } from './silent-stores.ts';

const tickMs = 10;
/** Bounds the probe's own load where attempts hang. */
const maxInFlight = 8;
const giveUpMs = 20_000;
const path = '/api/v1/namespaces/default/configmaps';

/** Resolves with the time of the first acknowledgement, in milliseconds since `start`. */
async function firstWrite(sessions: readonly ApiSession[], round: number, start: number): Promise<number> {
  const outcome: { first?: number } = {};
  let attempt = 0;
  const inFlight = sessions.map(() => 0);
  while (outcome.first === undefined && performance.now() - start < giveUpMs) {
    for (const [i, session] of sessions.entries()) {
      if ((inFlight[i] ?? 0) >= maxInFlight) continue;
      inFlight[i] = (inFlight[i] ?? 0) + 1;
      const name = `probe-${round}-${attempt++}`;
      session
        .send('POST', path, { metadata: { name } }, {}, 2_000)
        .then(({ status }) => {
          if (status === 201) outcome.first ??= performance.now() - start;
        })
        .catch(() => undefined)
        .finally(() => {
          inFlight[i] = (inFlight[i] ?? 1) - 1;
        });
    }
    await pause(tickMs);
  }
  if (outcome.first === undefined)
    throw new Error(`no write was acknowledged within ${giveUpMs} ms of kill ${round + 1}`);
  return outcome.first;
}

async function round(cluster: Cluster, sessions: readonly ApiSession[], n: number): Promise<number> {
  const active = await cluster.activeMaster();
  const pid = active.processes.find(({ component }) => component === 'master')?.pid;
  if (pid === undefined) throw new Error(`${active.name} lists no supervisor`);
  const start = performance.now();
  // The signal itself, without the time that a command takes to start.
  process.kill(pid, 'SIGKILL');
  const elapsed = await firstWrite(sessions, n, start);
  await cluster.chaos('kill', active.name).catch(() => undefined);
  await cluster.chaos('restart', active.name);
  await until(`${active.name} is back`, 60_000, async () =>
    (await cluster.status()).hosts.find(({ name }) => name === active.name)?.ready === true
      ? true
      : undefined,
  );
  return elapsed;
}

const silentScript = fileURLToPath(new URL('./silent-stores.ts', import.meta.url));

/** The same question of a group of stores whose leader is gone without a closed connection. */
async function silentLosses(losses: number): Promise<BenchmarkResult> {
  const lose = (input: SilentInput): Promise<number[]> => runInSandbox(silentScript, input);
  const gaps = await lose({ program: 'timonier', losses });
  const peer = await lose({ program: 'etcd', losses: Math.max(5, Math.ceil(losses / 4)) });
  return {
    columns: ['what', 'losses', 'fastest ms', 'median ms', 'slowest ms'],
    rows: [row('Timonier: 3 stores', gaps), row('etcd 3.4, same probe', peer)],
    figures: {
      'silent loss median ms': median(gaps),
      'silent loss worst ms': Math.max(...gaps),
      'etcd median ms': median(peer),
      'etcd worst ms': Math.max(...peer),
    },
    bounds: [
      { figure: 'silent loss median ms', atMost: 600 },
      { figure: 'silent loss worst ms', atMost: 1_000 },
    ],
    notes: [
      'The link of the leader goes down, then its process is killed: no connection closes. The probe opens a connection to both others every 10 ms.',
      'Ours as a master starts it (election timeout 400 ms); etcd with its default timeouts, as its users run it.',
    ],
  };
}

function row(name: string, list: readonly number[]): (string | number)[] {
  return [name, list.length, Math.min(...list), median(list), Math.max(...list)];
}

export const benchmark: Benchmark = {
  summary: 'kill -9 of the active master’s host, until the first write acknowledged elsewhere',
  run: async ({ runs = 20, silent = false, log }) => {
    if (silent) return silentLosses(runs);
    const gaps = await withCluster('failover', { masters: 3, workers: 0 }, async (cluster) => {
      const { apiServers } = await cluster.status();
      const sessions = await Promise.all(
        [undefined, ...apiServers].map((server) => ApiSession.open(cluster.kubeconfig, server)),
      );
      const gaps: number[] = [];
      for (let n = 0; n < runs; n++) {
        gaps.push(await round(cluster, sessions, n));
        log(`kill ${n + 1}: ${(gaps.at(-1) ?? 0).toFixed(0)} ms`);
      }
      for (const session of sessions) session.close();
      return gaps;
    });
    const peer = await etcdFailovers(Math.max(5, Math.ceil(runs / 4)));
    return {
      columns: ['what', 'kills', 'fastest ms', 'median ms', 'slowest ms'],
      rows: [
        row('Timonier: API server, controllers and store', gaps),
        row('etcd 3.4 alone, same probe', peer),
      ],
      figures: {
        'failover median ms': median(gaps),
        'failover worst ms': Math.max(...gaps),
        'etcd median ms': median(peer),
        'etcd worst ms': Math.max(...peer),
      },
      bounds: [
        { figure: 'failover median ms', atMost: 500 },
        { figure: 'failover worst ms', atMost: 2_000 },
      ],
      notes: [
        'Each kill comes as soon as the master killed before is back and ready.',
        'etcd runs with its default timeouts, as its users do. The final bounds are a median of 150 ms and a worst of 500 ms.',
      ],
    };
  },
};
