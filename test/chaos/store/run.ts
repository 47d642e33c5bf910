/**
 * One chaos run on a group of stores: load, watches and faults for a while, then calm, then judgement.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@timonier/grpc';
import { Random } from '../../simulation/random.ts';
import { check, type Verdict } from './check.ts';
import { type Fault, hostFaults, networkFaults } from './faults.ts';
import { Group } from './group.ts';
import { syncMode } from '../sync-gate.ts';
import { History, type Violation } from './history.ts';
import { load, stateOf } from './load.ts';
import type { Program } from './program.ts';
import { kvService } from './protocol.ts';
import { Revisions } from './revisions.ts';
import { type Incident, runTrack } from './schedule.ts';
import { watchEverything } from './watchers.ts';

export interface RunOptions {
  readonly folder: string;
  readonly program: Program;
  readonly members: number;
  readonly durationMs: number;
  readonly seed: number;
  /** Names of faults; all when empty. */
  readonly only: readonly string[];
  readonly clients: number;
  readonly thinkMs: number;
  readonly longestPauseMs: number;
  /** Makes every sync a lie, to prove that the checker finds what that costs. */
  readonly skipSync: boolean;
  /** Ends the run early, with everything checked that happened. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface Note {
  readonly at: number;
  readonly text: string;
}

export interface RunResult {
  readonly history: History;
  readonly revisions: Revisions;
  readonly incidents: readonly Incident[];
  readonly notes: readonly Note[];
  readonly violations: readonly Violation[];
  readonly verdict: Verdict;
  readonly streams: number;
  /** From the end of all faults until every member served, in milliseconds. */
  readonly calmMs: number;
  readonly totalMs: number;
  /** The end of what each member printed. */
  readonly logs: readonly { readonly name: string; readonly text: string }[];
}

/** Flags of all members: quick elections as a master has them, and snapshots for whoever lags a little. */
const flags = [
  '--heartbeat-interval=75',
  '--election-timeout=400',
  '--snapshot-count=500',
  '--initial-cluster-token=chaos',
  '--quota-backend-bytes=8589934592',
];

const logCharacters = 60_000;
const calmWithinMs = 40_000;
/** Changes that were acknowledged before anything is broken. */
const flowing = 20;
/** The first revision that changes anything in an empty store. */
const firstRevision = 2;

export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { folder, program, members, durationMs, seed, only, clients, thinkMs, signal, log } = options;
  const excused = new Map<string, number>();
  const notes: Note[] = [];
  const violations: Violation[] = [];
  let began = performance.now();
  const now = (): number => performance.now() - began;
  const note = (text: string): void => {
    notes.push({ at: now(), text });
    log(`${(now() / 1_000).toFixed(1).padStart(6)} s  ${text}`);
  };
  const group = await Group.start({
    folder,
    size: members,
    program,
    flags,
    ended: (name, how) => {
      note(`${name} ended by itself: ${how}`);
      if ((excused.get(name) ?? 0) < now())
        violations.push({ rule: 'process', text: `${name} ended by itself: ${how}` });
    },
  });
  try {
    began = performance.now();
    const history = new History();
    const revisions = new Revisions(firstRevision);
    const loading = new AbortController();
    const watching = new AbortController();
    const striking = new AbortController();
    const { hosts } = group;
    // Only now, so that what is lost is acknowledged writes and not the files themselves.
    if (options.skipSync)
      for (const host of hosts) {
        host.usualSync = syncMode.skipped;
        host.slowDown(0);
      }
    const watchers = watchEverything({
      hosts,
      history,
      revisions,
      wanderers: 2,
      random: new Random(seed + 1),
      signal: watching.signal,
    });
    const loads = load({
      hosts,
      history,
      clients,
      thinkMs,
      now,
      random: new Random(seed + 2),
      signal: loading.signal,
    });
    // Before that a fault has nothing to lose, and on a busy machine it may be all there is time for.
    const isFlowing = (): boolean => history.floor >= firstRevision + flowing;
    for (const end = now() + calmWithinMs; !isFlowing() && now() < end && !signal.aborted;)
      await pause(20, undefined, { signal }).catch(() => undefined);
    const stop = (): void => striking.abort();
    const timer = setTimeout(stop, durationMs);
    signal.addEventListener('abort', stop, { once: true });
    const wanted = (fault: Fault): boolean => only.length === 0 || only.includes(fault.name);
    const incidents = await Promise.all(
      Object.entries({ host: hostFaults, network: networkFaults }).map(async ([name, all], i) => {
        const faults = all.filter(wanted);
        const random = new Random(seed * 31 + i);
        if (faults.length === 0) return [];
        const { longestPauseMs } = options;
        const failed = (text: string): void => {
          note(text);
          violations.push({ rule: 'liveness', text });
        };
        const track = { name, faults, group, random, now, begun: note, failed, longestPauseMs, excused };
        return runTrack({ ...track, signal: striking.signal });
      }),
    ).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      striking.abort();
    });
    if (only.includes('none')) await pause(durationMs, undefined, { signal }).catch(() => undefined);
    const calm = now();
    await group.serving(calmWithinMs).catch((error: unknown) => {
      violations.push({ rule: 'liveness', text: error instanceof Error ? error.message : String(error) });
    });
    const calmMs = now() - calm;
    // Some more load on the healed group, so that what is still wrong with it shows.
    await pause(1_000);
    loading.abort();
    await loads;
    const last = await lastRevision(group);
    if (last !== undefined) {
      await caughtUp(watchers.positions, last);
      for (const [name, at] of watchers.positions)
        if (at < last)
          violations.push({
            rule: 'watch',
            text: `${name} was told of ${at}, but the last revision is ${last}`,
          });
    }
    watching.abort();
    await watchers.stopped;
    const totalMs = now();
    const verdict = check(revisions, history.attempts);
    violations.push(
      ...revisions.violations,
      ...verdict.violations,
      ...(await sameEverywhere(group, revisions)),
    );
    return {
      history,
      revisions,
      notes,
      violations,
      verdict,
      calmMs,
      totalMs,
      incidents: incidents.flat().toSorted((a, b) => a.begin - b.begin),
      streams: watchers.streams(),
      logs: hosts.map((host) => ({ name: host.name, text: host.log(logCharacters) })),
    };
  } finally {
    await group.stop();
  }
}

async function lastRevision(group: Group): Promise<number | undefined> {
  for (const host of group.hosts) {
    const client = createClient(kvService, host.target);
    try {
      const { header } = await client.unary('range', { key: Buffer.from('none') }, { timeoutMs: 5_000 });
      return header.revision;
    } catch {
      // The next member may know.
    } finally {
      client.close();
    }
  }
  return undefined;
}

async function caughtUp(positions: ReadonlyMap<string, number>, last: number): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline && [...positions.values()].some((at) => at < last)) await pause(20);
}

/** Every member's own replica, asked directly, holds the same final state. */
async function sameEverywhere(group: Group, revisions: Revisions): Promise<Violation[]> {
  const answers = await Promise.all(
    group.hosts.map(async ({ name, target }) => {
      const client = createClient(kvService, target);
      try {
        const all = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };
        const { kvs } = await client.unary(
          'range',
          { ...all, revision: revisions.last },
          { timeoutMs: 5_000 },
        );
        return { name, text: JSON.stringify(kvs.map(stateOf)) };
      } catch (error) {
        return { name, text: String(error) };
      } finally {
        client.close();
      }
    }),
  );
  const [first, ...rest] = answers;
  return rest
    .filter(({ text }) => text !== first?.text)
    .map(({ name, text }) => ({
      rule: 'state' as const,
      text: `${name} holds ${text.slice(0, 500)}, and ${first?.name} ${first?.text.slice(0, 500)}`,
    }));
}
