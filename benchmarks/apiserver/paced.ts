/**
 * Requests that come when they are due and not when the one before is answered, as those of many clients do: one that
 * is late counts from when it was due. Heartbeats of 5,000 nodes, and changes at 70 % of what the server can take.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../benchmark.ts';
import { applyMap, createPod, deletePod, lease, leases, patchPod, updateStatus } from './calls.ts';
import { load, send } from './client.ts';
import type { Change } from './explain/events.ts';
import { anySession, type Bench, meter, type Row } from './row.ts';
import type { Call, Session } from './session.ts';

const nodes = 5_000;
/** Every node renews its lease every 2 s. */
const renewalsPerSecond = 2_500;
const renewalSeconds = 10;
const renewalConnections = 50;
/** A server collects everything once in some 30 s: a shorter time has it by chance or not at all. */
const mixSeconds = 30;
/** Changes before anything counts: the compiler is at work for that long, in either server. */
const warmCalls = 10_000;
/** Seconds of them, not a burst: what a server can take includes collecting its garbage. */
const capacityCalls = 12_000;
const capacityInFlight = 32;
/** One of so many changes makes a pod. */
const creations = 8;
/** Above this many unanswered the load is not carried, and the rest is not sent. */
const maxBehind = 5_000;

export interface Paced {
  /** Milliseconds from when each was due until it was answered. */
  readonly latencies: readonly number[];
  /** Milliseconds from when each was due until it was sent: what the generator itself adds to the latencies. */
  readonly late: readonly number[];
  /** Those that were answered, by `performance.now()`. */
  readonly changes: readonly Change[];
  readonly sent: number;
  /** Answered with an error, as by a store that is too slow. */
  readonly failed: number;
  readonly perSecond: number;
}

/** Sends `rate` requests a second for `seconds`. Throws when more than half of them fail: that is no load, but a fault. */
export async function paced(
  rate: number,
  seconds: number,
  request: (index: number) => Promise<void>,
): Promise<Paced> {
  const latencies: number[] = [];
  const late: number[] = [];
  const changes: Change[] = [];
  const start = performance.now();
  const count = Math.round(rate * seconds);
  const open = new Set<Promise<void>>();
  let failure: unknown;
  let failed = 0;
  let sent = 0;
  for (; sent < count && open.size < maxBehind; sent++) {
    const due = start + (sent * 1_000) / rate;
    const wait = due - performance.now();
    if (wait > 1) await pause(wait);
    const at = performance.now();
    late.push(Math.max(0, at - due));
    const one: Promise<void> = request(sent)
      .then(() => {
        const answered = performance.now();
        latencies.push(answered - due);
        changes.push({ due, sent: at, answered });
      })
      .catch((error: unknown) => {
        failure ??= error;
        failed++;
      })
      .finally(() => open.delete(one));
    open.add(one);
  }
  await Promise.all(open);
  if (failed > sent / 2) throw failure;
  return {
    latencies,
    late,
    changes,
    sent,
    failed,
    perSecond: (latencies.length * 1_000) / (performance.now() - start),
  };
}

async function textOf(session: Session, call: Call): Promise<string> {
  const { status, text } = await send(session, call, true);
  if (status >= 300) throw new Error(`${call.method} ${call.path}: ${status} ${text}`);
  return text;
}

function versionOf(text: string): string {
  const version = /"resourceVersion":"(\d+)"/.exec(text)?.[1];
  if (version === undefined) throw new Error(`an object without a version: ${text}`);
  return version;
}

async function heartbeats(bench: Bench): Promise<void> {
  const { server, rows, figures } = bench;
  const sessions = await server.connections(renewalConnections);
  try {
    await load(sessions, nodes, 32, (node) => lease(node));
    const listed = await textOf(anySession(bench), { method: 'GET', path: leases });
    const versions = new Map(
      (JSON.parse(listed) as { items: { metadata: { name: string; resourceVersion: string } }[] }).items.map(
        ({ metadata }) => [metadata.name, metadata.resourceVersion],
      ),
    );
    const renew = async (index: number): Promise<void> => {
      const node = index % nodes;
      const session = sessions[node % renewalConnections];
      if (session === undefined) throw new Error('no session');
      const known = versions.get(`node-${node}`);
      // What became of a renewal that failed is not known: its version is asked for, as kubelets do.
      versions.delete(`node-${node}`);
      const path = `${leases}/node-${node}`;
      const version = known ?? versionOf(await textOf(session, { method: 'GET', path }));
      const text = await textOf(session, lease(node, version));
      versions.set(`node-${node}`, versionOf(text));
    };
    // The compiler's work at the beginning is not the server's.
    await paced(500, 2, renew);
    const spent = meter(server);
    const { latencies, sent, failed, perSecond } = await paced(renewalsPerSecond, renewalSeconds, renew);
    const { own, store } = spent();
    const p99Ms = percentile(latencies, 0.99);
    rows.push({
      name: `lease renewals, ${renewalsPerSecond}/s due`,
      cpu: own / sent,
      store: store / sent,
      perSecond,
      p99Ms,
    });
    figures['renewal_cpu_us'] = own / sent;
    figures['renewal_store_cpu_us'] = store / sent;
    figures['renewals_per_second'] = perSecond;
    figures['renewals_failed'] = failed;
    figures['renewal_p99_ms'] = p99Ms;
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** Half status updates, the rest creations, patches and applies. */
function mixed(index: number, round: number): Call {
  const turn = index + round * 1_000_000;
  if (index % 2 === 0) return updateStatus(turn);
  if (index % creations === 1) return createPod(index, nameOf(round));
  return index % creations === 3 ? applyMap(turn) : patchPod(turn);
}

function nameOf(round: number): string {
  return `mixed-${round}`;
}

/** Takes away the pods of a round, of which a faster server has made more: what comes after it is measured over as many on either side. */
async function removeMixed({ sessions }: Bench, round: number, calls: number): Promise<void> {
  await load(sessions, Math.ceil((calls - 1) / creations), capacityInFlight, (index) =>
    deletePod(index * creations + 1, nameOf(round)),
  );
}

async function atSeventyPercent(bench: Bench): Promise<void> {
  const { server, sessions, rows, figures, explanation } = bench;
  await load(sessions, warmCalls, capacityInFlight, (index) => mixed(index, 0));
  const spentFull = meter(server);
  const full = await load(sessions, capacityCalls, capacityInFlight, (index) => mixed(index, 1));
  const { own: fullOwn, store: fullStore } = spentFull();
  const { perSecond: capacity } = full;
  rows.push({
    name: 'mix of changes',
    cpu: fullOwn / capacityCalls,
    store: fullStore / capacityCalls,
    perSecond: capacity,
    p99Ms: percentile(full.latencies, 0.99),
  });
  const spent = meter(server);
  const explain = explanation?.begin(server.pid);
  const { latencies, late, changes, sent, failed, perSecond } = await paced(
    capacity * 0.7,
    mixSeconds,
    async (index) => {
      const session = sessions[index % sessions.length];
      if (session === undefined) throw new Error('no session');
      await textOf(session, mixed(index, 2));
    },
  );
  const { own, store } = spent();
  explain?.(changes);
  const p99Ms = percentile(latencies, 0.99);
  rows.push({ name: 'mix at 70 % of that', cpu: own / sent, store: store / sent, perSecond, p99Ms });
  figures['mix_cpu_us'] = fullOwn / capacityCalls;
  figures['mix_store_cpu_us'] = fullStore / capacityCalls;
  figures['capacity_per_second'] = capacity;
  figures['mutating_at_70_percent_cpu_us'] = own / sent;
  figures['mutating_at_70_percent_store_cpu_us'] = store / sent;
  figures['mutating_at_70_percent_failed'] = failed;
  figures['mutating_at_70_percent_p99_ms'] = p99Ms;
  figures['mutating_at_70_percent_p50_ms'] = percentile(latencies, 0.5);
  figures['mutating_at_70_percent_p90_ms'] = percentile(latencies, 0.9);
  figures['mutating_at_70_percent_sent_late_p99_ms'] = percentile(late, 0.99);
  for (const [round, calls] of [warmCalls, capacityCalls, sent].entries())
    await removeMixed(bench, round, calls);
}

export const pacedRows: Readonly<Record<string, Row>> = {
  leases: { needsPods: false, run: heartbeats },
  mixed: { needsPods: true, run: atSeventyPercent },
};
