/**
 * Watches over everything, one that stays with each member and some that wander. Whenever a stream ends, its watcher
 * goes on behind the last revision it was told of, as every client of etcd does; what the pieces add up to must be
 * the whole history.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@timonier/grpc';
import type { Random } from '../../simulation/random.ts';
import type { Change, History } from './history.ts';
import type { Host } from './host.ts';
import { stateOf } from './load.ts';
import { type WatchAnswer, watchService } from './protocol.ts';
import type { Revisions } from './revisions.ts';

/** A stream that says nothing for so long is given up: its member may be cut off. */
const silenceMs = 3_000;
/** Wanderers leave a stream that works, too. */
const stayMs = 4_000;

export interface WatchOptions {
  readonly hosts: readonly Host[];
  readonly history: History;
  readonly revisions: Revisions;
  readonly wanderers: number;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Where the watchers are, while and after they run. */
export interface Watchers {
  /** The last revision that each was told of, by its name. */
  readonly positions: ReadonlyMap<string, number>;
  readonly streams: () => number;
  /** Resolves when all have stopped after the signal. */
  readonly stopped: Promise<void>;
}

export function watchEverything(options: WatchOptions): Watchers {
  const { hosts, revisions, wanderers } = options;
  const positions = new Map<string, number>();
  let streams = 0;

  async function run(name: string, choose: () => Host, wanders: boolean): Promise<void> {
    const { signal, random } = options;
    positions.set(name, revisions.first - 1);
    while (!signal.aborted) {
      const ending = new AbortController();
      const end = (): void => ending.abort();
      signal.addEventListener('abort', end, { once: true });
      const leave = wanders ? setTimeout(end, stayMs * (0.5 + random.next())) : undefined;
      try {
        streams++;
        await follow(name, choose(), ending);
      } catch {
        // A stream broke; the next one continues.
      } finally {
        clearTimeout(leave);
        signal.removeEventListener('abort', end);
      }
      if (!signal.aborted) await pause(20 + random.below(200));
    }
  }

  async function follow(name: string, host: Host, ending: AbortController): Promise<void> {
    const client = createClient(watchService, host.target);
    let quiet = setTimeout(() => ending.abort(), silenceMs);
    try {
      const stream = client.bidi('watch', { signal: ending.signal });
      const all = Buffer.from([0]);
      const startRevision = (positions.get(name) ?? 0) + 1;
      stream.write({ createRequest: { key: all, rangeEnd: all, startRevision } });
      for await (const answer of stream) {
        clearTimeout(quiet);
        quiet = setTimeout(() => ending.abort(), silenceMs);
        if (answer.canceled === true) return;
        take(`${name} at ${host.name}`, name, answer);
      }
    } finally {
      clearTimeout(quiet);
      client.close();
    }
  }

  function take(who: string, name: string, { events }: WatchAnswer): void {
    for (let from = 0; from < events.length;) {
      const revision = events[from]?.kv.modRevision ?? 0;
      let to = from + 1;
      while (events[to]?.kv.modRevision === revision) to++;
      const changes = events
        .slice(from, to)
        .map(({ type, kv }): Change =>
          type === 1 ? { type: 'delete', key: kv.key.toString() } : { type: 'put', state: stateOf(kv) },
        );
      const last = positions.get(name) ?? 0;
      revisions.tell(who, last, revision, changes);
      positions.set(name, Math.max(last, revision));
      options.history.saw(revision);
      from = to;
    }
  }

  const runs = [
    ...hosts.map((host) => run(`watch-${host.name}`, () => host, false)),
    ...Array.from({ length: wanderers }, (_unused, i) =>
      run(`wanderer-${i + 1}`, () => options.random.pick(hosts), true),
    ),
  ];
  return { positions, streams: () => streams, stopped: Promise.all(runs).then(() => undefined) };
}
