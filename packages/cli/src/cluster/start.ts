/**
 * Brings a cluster up: the steps in order, each with a deadline, reported through `Progress`. When a step fails, the
 * error says which process is to blame, with the end of its log.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiClient, createClient } from '@timonier/client';
import type { Host } from '../hosts/host.ts';
import type { Progress } from '../progress.ts';
import { loadDemoImage } from './images.ts';
import type { LocalCluster } from './local-cluster.ts';
import { tail } from './log-tail.ts';
import { observeHost, supervised } from './observe.ts';

/** A component that keeps ending is not going to come up. */
const maxRestarts = 4;
const pollMs = 60;

export class StartError extends Error {
  override readonly name = 'StartError';
}

interface NodeSummary {
  readonly metadata?: { readonly name?: string };
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

export async function startCluster(
  cluster: LocalCluster,
  progress: Progress,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  const dead = new Set<Host>();
  await progress({ title: 'certificates and settings', work: () => cluster.writeFiles() });
  await progress({ title: 'network', work: () => cluster.createNetwork() });
  const boot = async (host: Host): Promise<void> => {
    const child: ChildProcess = await host.start();
    child.unref();
    child.once('exit', () => dead.add(host));
  };
  await progress({
    title: `${cluster.hosts.length} hosts`,
    work: async () => {
      await Promise.all(cluster.hosts.map(boot));
    },
  });
  const waitFor = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      if (await condition()) return;
      for (const host of dead) throw new StartError(`${host.plan.name} died.${blame(host.consoleLog)}`);
      const failing = failingProcess(cluster);
      if (failing !== undefined) throw new StartError(failing);
      if (Date.now() > deadline) throw new StartError(`${what} took too long.${slowest(cluster)}`);
      await delay(pollMs);
    }
  };
  await progress({
    title: 'one master active',
    work: (detail) =>
      waitFor('electing an active master', async () => {
        const views = await Promise.all(cluster.masters.map(observeHost));
        const active = views.find((view) => view.role === 'active');
        if (active !== undefined) detail(`${active.name}, epoch ${active.epoch}`);
        return active !== undefined;
      }),
  });
  const api = adminClient(cluster);
  try {
    await progress({
      title: 'API server',
      work: () => waitFor('the API server', async () => (await tryGet(api, '/readyz')) !== undefined),
    });
    const nodes = cluster.hosts.filter((host) => host.plan.schedulable);
    await progress(
      {
        title: `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'} ready`,
        work: (detail) =>
          waitFor('making the nodes ready', async () => {
            const ready = (await readyNodes(api)) ?? new Set();
            const mine = nodes.filter((host) => ready.has(host.plan.name));
            detail(`${mine.length} of ${nodes.length}`);
            return mine.length === nodes.length;
          }),
      },
      { title: 'demo image', work: () => loadDemoImage(cluster, deadline, signal) },
    );
  } finally {
    await api.close();
  }
}

/** A client with the administrator's identity that reaches whichever master answers. */
export function adminClient(
  cluster: LocalCluster,
  options: { readonly retryForMs?: number } = {},
): ApiClient {
  const read = (file: string): Buffer => readFileSync(join(cluster.pkiDir, file));
  return createClient({
    servers: cluster.masters.map((host) => `https://${host.plan.address}:6443`),
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
    timeoutMs: 2_000,
    connectTimeoutMs: 1_000,
    retryForMs: options.retryForMs ?? 0,
  });
}

/** Names of the nodes that are Ready, or undefined when the API server does not say. */
export async function readyNodes(api: ApiClient): Promise<ReadonlySet<string> | undefined> {
  const body = await tryGet(api, '/api/v1/nodes');
  if (body === undefined) return undefined;
  const { items = [] } = JSON.parse(body) as { items?: readonly NodeSummary[] };
  return new Set(
    items
      .filter((node) =>
        node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
      .map((node) => node.metadata?.name ?? ''),
  );
}

async function tryGet(api: ApiClient, path: string): Promise<string | undefined> {
  try {
    const { status, body } = await api.request('GET', path);
    return status === 200 ? body.toString('utf8') : undefined;
  } catch {
    return undefined;
  }
}

function failingProcess(cluster: LocalCluster): string | undefined {
  for (const host of cluster.hosts) {
    const failing = supervised(host).find((process) => process.restarts >= maxRestarts);
    if (failing === undefined) continue;
    const log = join(host.logDir, `${failing.component}.log`);
    return `${failing.component} on ${host.plan.name} keeps failing: ${failing.lastExit}.${blame(log)}`;
  }
  return undefined;
}

/** When time is up: the process that was restarted most, or where to look when none was. */
function slowest(cluster: LocalCluster): string {
  const all = cluster.hosts.flatMap((host) => supervised(host).map((process) => ({ host, process })));
  const [worst] = all.sort((a, b) => b.process.restarts - a.process.restarts);
  if (worst !== undefined && worst.process.restarts > 0) {
    const { component } = worst.process;
    return ` ${component} on ${worst.host.plan.name} had to be restarted.${blame(join(worst.host.logDir, `${component}.log`))}`;
  }
  const [master] = cluster.masters;
  return master === undefined
    ? ''
    : ` The supervisor of ${master.plan.name} may know more.${blame(master.consoleLog)}`;
}

function blame(log: string): string {
  const lines = tail(log);
  return ` Its log is ${log}${lines.length === 0 ? '' : ` and ends with:\n  ${lines.join('\n  ')}`}`;
}
