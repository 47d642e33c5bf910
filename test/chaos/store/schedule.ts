/**
 * When faults happen: two tracks, one of hosts and one of the network, each with one fault at a time and pauses
 * between, so that about half of the time something is wrong. Which fault strikes and for how long follows from the seed; whom it
 * strikes may depend on who leads.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../simulation/random.ts';
import type { Fault, Scene } from './faults.ts';
import type { Group } from './group.ts';

export interface Incident {
  readonly track: string;
  readonly fault: string;
  readonly what: string;
  /** Milliseconds since the run began. */
  readonly begin: number;
  readonly end: number;
}

export interface TrackOptions {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly group: Group;
  readonly random: Random;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly begun: (text: string) => void;
  /** A fault could not be begun or healed. */
  readonly failed: (text: string) => void;
  readonly longestPauseMs: number;
  /** Until when members may end by themselves, by name. */
  readonly excused: Map<string, number>;
}

/** After a fault that ends processes: the last attempt to start may have begun before it was healed. */
const excuseMs = 3_000;

/** Resolves with everything that happened when the signal came and the last fault was healed. */
export async function runTrack(options: TrackOptions): Promise<Incident[]> {
  const { name, faults, group, random, now, signal, begun, failed, longestPauseMs, excused } = options;
  const incidents: Incident[] = [];
  while (!signal.aborted) {
    await rest(random.next() * longestPauseMs, signal);
    if (signal.aborted) break;
    const fault = choose(faults, random);
    const [shortest, longest] = fault.holdMs;
    const holdMs = shortest + random.next() * (longest - shortest);
    const scene: Scene = { group, random, struck: [] };
    const begin = now();
    try {
      if (fault.ends === true) for (const host of group.hosts) excused.set(host.name, Infinity);
      const what = await fault.begin(scene);
      begun(`${fault.name}: ${what}`);
      await rest(holdMs, signal);
      await fault.heal(scene);
      if (fault.ends === true) for (const host of group.hosts) excused.set(host.name, now() + excuseMs);
      incidents.push({ track: name, fault: fault.name, what, begin, end: now() });
    } catch (error) {
      // What it did cannot be undone, so that nothing on this track would mean anything any more.
      failed(`${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
      break;
    }
  }
  return incidents;
}

function choose(faults: readonly Fault[], random: Random): Fault {
  let at = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  throw new Error('no fault to choose from');
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}
