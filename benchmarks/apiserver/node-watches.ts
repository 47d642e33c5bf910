/**
 * A watch of its own pods for each of 5,000 nodes, as kubelets have, while pods change: every change concerns one of them.
 * The time of each is written into the change itself.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../benchmark.ts';
import { nodeCount, podCount, pods } from './calls.ts';
import { send, succeed } from './client.ts';
import { type Bench, meter, type Row } from './row.ts';
import type { Session, Watch } from './session.ts';

const nodes = 5_000;
const connections = 50;
const perSecond = 200;
const seconds = 4;
const patienceMs = 30_000;

/** Opens all watches; the latencies of what they show are added to `latencies`. Returns how to end them. */
async function watchAll(
  sessions: readonly Session[],
  version: string,
  latencies: number[],
): Promise<() => void> {
  const begin = (node: number): Promise<Watch> => {
    const query = `watch=1&resourceVersion=${version}&fieldSelector=spec.nodeName%3Dnode-${node}`;
    const session = sessions[node % connections];
    if (session === undefined) throw new Error('no session');
    return session.watch(`${pods}?${query}`, (chunk) => {
      for (const [, sent] of chunk.toString('latin1').matchAll(/"message":"sent ([\d.]+)"/g))
        latencies.push(performance.now() - Number(sent));
    });
  };
  const watches = await Promise.all(Array.from({ length: nodes }, (_unused, node) => begin(node)));
  return () => {
    for (const watch of watches) watch.close();
  };
}

async function nodeWatches({ server, rows, figures }: Bench): Promise<void> {
  const sessions = await server.connections(connections);
  const writer = await server.connect();
  try {
    const { text } = await send(writer, { method: 'GET', path: `${pods}?limit=1` }, true);
    const version = /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '0';
    const latencies: number[] = [];
    const close = await watchAll(sessions, version, latencies);
    const spent = meter(server);
    const changes = perSecond * seconds;
    const start = performance.now();
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < changes; i++) {
      const wait = start + (i * 1_000) / perSecond - performance.now();
      if (wait > 1) await pause(wait);
      const status = { phase: 'Running', message: `sent ${performance.now()}` };
      writes.push(
        succeed(writer, {
          method: 'PATCH',
          path: `${pods}/pod-${(i * 7) % podCount}/status`,
          body: JSON.stringify({ status }),
          contentType: 'application/merge-patch+json',
        }),
      );
    }
    await Promise.all(writes);
    const deadline = performance.now() + patienceMs;
    while (latencies.length < changes && performance.now() < deadline) await pause(10);
    const { own, store } = spent();
    close();
    if (latencies.length !== changes)
      throw new Error(
        `${latencies.length} of ${changes} changes were seen by the ${nodeCount} nodes with pods`,
      );
    const p99Ms = percentile(latencies, 0.99);
    figures['node_watches_cpu_us_per_change'] = own / changes;
    figures['node_watches_p99_ms'] = p99Ms;
    rows.push({
      name: `changes under watches of ${nodes} nodes`,
      cpu: own / changes,
      store: store / changes,
      perSecond,
      p99Ms,
    });
  } finally {
    for (const session of [...sessions, writer]) session.destroy();
  }
}

export const nodeWatchesRow: Row = { needsPods: true, run: nodeWatches };
