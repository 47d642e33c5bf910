/**
 * The loss of the active master of a whole cluster: PID 1 of its host is killed, or its link goes down first. A write
 * must be acknowledged elsewhere; asked for at every master's address, at the virtual one, and at the one address that
 * a person's kubeconfig has on the machine itself.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openCluster } from '../../packages/cli/src/cluster/local-cluster.ts';
import type { Cluster } from '../../test/acceptance/cluster.ts';
import { until } from '../../test/acceptance/wait.ts';
import { withCluster } from '../local-cluster.ts';
import { ApiProbe } from './api-probe.ts';
import { earliest, firstAnswers } from './probing.ts';
import { urgently } from './urgency.ts';

const probeTimeoutMs = 2_000;
/** A handshake takes 2 ms of a processor here, and 2 ms of the master: what hangs must not be what is waited for. */
const maxInFlight = 3;
/** A process that was killed must be gone by then; looked for so often. */
const endMs = 5_000;
const lookMs = 2;
/** Before each loss, so that the first of the probes that count are no slower than the others. */
const warmUps = 10;

export interface MasterLosses {
  /** Milliseconds of each loss until a write was acknowledged, wherever. */
  readonly anywhere: number[];
  /** And through the kubeconfig's one address. */
  readonly oneAddress: number[];
}

/**
 * Resolves when a host's first process is dead, and with it all others: the kernel takes some milliseconds to end them, in
 * which one may still acknowledge a write. The last thread of the first process ends the others before it goes itself.
 */
async function ended(pid: number): Promise<void> {
  const deadline = performance.now() + endMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} does not end`);
    await pause(lookMs);
  }
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const isZombie = /^\) [ZX]/.test(stat.slice(stat.lastIndexOf(')')));
    return !isZombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/**
 * Whether a host that was lost is ready for the loss of another. Its node may still be said to be ready from before, and the
 * office is known as soon as the first process runs: without its store and a second host there is no majority, and an API
 * server that has loaded nothing takes no office over.
 */
async function isBack(cluster: Cluster, name: string): Promise<boolean> {
  const { hosts, loopback } = await cluster.status();
  if (hosts.find((one) => one.name === name)?.ready !== true) return false;
  const answers = await Promise.all(
    ['store', 'apiserver'].map((component) =>
      fetch(`http://${loopback.metrics ?? ''}/${name}/${component}/readyz`).then(
        async (response) => {
          await response.arrayBuffer();
          return response.ok;
        },
        () => false,
      ),
    ),
  );
  return answers.every(Boolean);
}

async function lose(
  cluster: Cluster,
  probe: ApiProbe,
  servers: readonly string[],
  silent: boolean,
): Promise<ReadonlyMap<string, number>> {
  const { name, processes } = await cluster.activeMaster();
  const pid = processes.find(({ component }) => component === 'master')?.pid;
  if (pid === undefined) throw new Error(`${name} lists no supervisor`);
  const places = new Map(servers.map((server) => [server, () => probe.ask(server, probeTimeoutMs)]));
  for (let i = 0; i < warmUps; i++) await Promise.all([...places.values()].map((ask) => ask()));
  const host = openCluster({ name: cluster.options.name, 'data-dir': '' }).host(name);
  const answered = await urgently(async () => {
    const start = performance.now();
    // In this process, without the time that a command takes to start.
    if (silent) await host.powerOff();
    else {
      process.kill(pid, 'SIGKILL');
      await ended(pid);
    }
    return firstAnswers(places, start, (found) => found.has(probe.server), maxInFlight);
  });
  if (!silent) await cluster.chaos('kill', name).catch(() => undefined);
  await cluster.chaos('restart', name);
  await until(`${name} is back`, 60_000, async () => ((await isBack(cluster, name)) ? true : undefined));
  return answered;
}

export function loseMasters(
  losses: number,
  silent: boolean,
  log: (line: string) => void,
): Promise<MasterLosses> {
  return withCluster('failover', { masters: 3, workers: 0 }, async (cluster) => {
    const { apiServers } = await cluster.status();
    const probe = await ApiProbe.open(cluster.kubeconfig);
    const servers = [probe.server, ...apiServers];
    const anywhere: number[] = [];
    const oneAddress: number[] = [];
    for (let n = 0; n < losses; n++) {
      const answered = await lose(cluster, probe, servers, silent);
      anywhere.push(earliest(answered));
      oneAddress.push(answered.get(probe.server) ?? Number.NaN);
      log(`loss ${n + 1}: ${[...answered].map(([place, ms]) => `${place} ${ms.toFixed(0)} ms`).join(', ')}`);
    }
    return { anywhere, oneAddress };
  });
}
