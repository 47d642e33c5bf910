/**
 * Which worker gets the next connection: the one with the fewest, for connections live long and each brings about the
 * same load. Who has not loaded the store yet, or has not taken what it was given for a while, comes last.
 */
export interface WorkerLoad {
  /** Its port side is there to take connections. */
  readonly isOpen: boolean;
  /** It has loaded the store and can answer. */
  readonly isLoaded: boolean;
  /** Connections that are open there, or on their way. */
  readonly connections: number;
  /** Since when, in milliseconds, it has not taken a connection that is on its way; undefined when none is. */
  readonly waitingSince: number | undefined;
}

/** How long a worker may take to accept a connection before others are preferred. */
const stuckAfterMs = 1_000;

/** The index of the worker to prefer; -1 when none is open. `first` is where to begin among equals. */
export function chooseWorker(loads: readonly WorkerLoad[], first: number, now: number): number {
  let best = -1;
  let bestRank = Number.POSITIVE_INFINITY;
  for (let i = 0; i < loads.length; i++) {
    const index = (first + i) % loads.length;
    const load = loads[index];
    if (load?.isOpen !== true) continue;
    const isStuck = load.waitingSince !== undefined && now - load.waitingSince > stuckAfterMs;
    const rank = (load.isLoaded ? 0 : 1e9) + (isStuck ? 1e8 : 0) + load.connections;
    if (rank < bestRank) {
      best = index;
      bestRank = rank;
    }
  }
  return best;
}
