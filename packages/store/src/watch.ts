/**
 * Watches over the multi-version state.
 *
 * A watcher is a range and the next revision it must see. One that is up to date gets changes as they are applied; one
 * that starts in the past, or whose client is slow, is brought forward from history in small turns. So nothing is
 * buffered for a slow client but a number, and a client sees every change once and in order.
 */
import { type Clock, systemClock } from './clock.ts';
import { inRange, type KeyRange } from './key-index.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Mvcc } from './mvcc.ts';
import type { WatchEvent } from './types.ts';

export interface WatcherOptions {
  readonly range: KeyRange;
  /** First revision to report. */
  readonly from: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** Takes the events of whole revisions, up to and including `revision`; false when the client cannot keep up. */
  readonly deliver: (events: readonly WatchEvent[], revision: number) => boolean;
  /** History before this revision is gone; the watch is over. */
  readonly compacted: (revision: number) => void;
}

export class Watcher {
  readonly options: WatcherOptions;
  next: number;
  /** Waits for its client: `resume` puts it back. */
  paused = false;
  closed = false;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.next = options.from;
  }
}

/** Revisions a lagging watcher looks through in one turn, and events it is given at most at a time. */
const turnRevisions = 2_000;
const turnEvents = 500;

export class WatchHub {
  #state: Mvcc;
  readonly #single = new Map<string, Set<Watcher>>();
  readonly #ranges = new Set<Watcher>();
  readonly #lagging = new Set<Watcher>();
  readonly #clock: Clock;
  readonly #bugs: KnownBugs;
  #catchingUp = false;
  #suspended = false;

  constructor(state: Mvcc, clock: Clock = systemClock, bugs = noBugs) {
    this.#state = state;
    this.#clock = clock;
    this.#bugs = bugs;
  }

  get size(): number {
    let size = this.#ranges.size + this.#lagging.size;
    for (const set of this.#single.values()) size += set.size;
    return size;
  }

  get lagging(): number {
    return this.#lagging.size;
  }

  add(options: WatcherOptions): Watcher {
    const watcher = new Watcher(options);
    if (watcher.next <= this.#state.revision && this.#bugs.has('watch-off-by-one')) watcher.next += 1;
    if (watcher.next > this.#state.revision) this.#join(watcher);
    else this.#lag(watcher);
    return watcher;
  }

  remove(watcher: Watcher): void {
    watcher.closed = true;
    this.#leave(watcher);
    this.#lagging.delete(watcher);
  }

  /** The client of a watcher has room again. */
  resume(watcher: Watcher): void {
    if (!watcher.paused || watcher.closed) return;
    watcher.paused = false;
    if (this.#bugs.has('watch-gap')) {
      this.#join(watcher);
      return;
    }
    this.#lag(watcher);
  }

  /** Whether everything up to the current revision was delivered to this watcher. */
  isCurrent(watcher: Watcher): boolean {
    return !watcher.closed && !watcher.paused && !this.#lagging.has(watcher);
  }

  /** The state is about to be replaced: nobody is brought forward until `replaced`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** The state was replaced by a snapshot: everyone continues from its history. */
  replaced(state: Mvcc): void {
    this.#state = state;
    this.#suspended = false;
    if (this.#bugs.has('watch-not-replayed')) return;
    for (const watcher of this.#ranges) this.#lag(watcher);
    for (const set of this.#single.values()) for (const watcher of set) this.#lag(watcher);
    this.#single.clear();
    this.#ranges.clear();
    this.#schedule();
  }

  /** Delivers new revisions to those who are up to date. */
  revisions(from: number, to: number): void {
    for (let main = from; main <= to; main++) {
      const changes = this.#state.changes(main);
      if (changes === undefined) continue;
      const events = new Map<Watcher, WatchEvent[]>();
      for (const kv of changes) {
        if (kv.key.length === 0) continue;
        const key = kv.key.toString('latin1');
        for (const watcher of this.#single.get(key) ?? []) this.#collect(events, watcher, key, kv);
        for (const watcher of this.#ranges)
          if (inRange(watcher.options.range, key)) this.#collect(events, watcher, key, kv);
        if (this.#bugs.has('watch-overtaken'))
          for (const watcher of this.#lagging)
            if (inRange(watcher.options.range, key)) this.#collect(events, watcher, key, kv);
      }
      for (const [watcher, list] of events) this.#deliver(watcher, list, main);
    }
  }

  #collect(events: Map<Watcher, WatchEvent[]>, watcher: Watcher, key: string, kv: WatchEvent['kv']): void {
    if (kv.modRevision < watcher.next) return;
    const event = this.#event(watcher, key, kv);
    if (event === undefined) return;
    const list = events.get(watcher);
    if (list === undefined) events.set(watcher, [event]);
    else list.push(event);
  }

  #event({ options }: Watcher, key: string, kv: WatchEvent['kv']): WatchEvent | undefined {
    const deleted = kv.version === 0;
    if (deleted ? options.noDelete : options.noPut) return undefined;
    if (!options.prevKv) return { type: deleted ? 1 : 0, kv };
    const before = kv.modRevision - 1;
    // What compaction took away cannot be shown any more, as in etcd.
    const prevKv = before < this.#state.compactRevision ? undefined : this.#state.get(key, before);
    return { type: deleted ? 1 : 0, kv, prevKv };
  }

  #deliver(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    watcher.next = revision + 1;
    const ordered = this.#bugs.has('txn-events-reversed') ? events.toReversed() : events;
    if (!watcher.options.deliver(ordered, revision)) {
      watcher.paused = true;
      this.#leave(watcher);
      this.#lagging.delete(watcher);
    }
  }

  #join(watcher: Watcher): void {
    const { range } = watcher.options;
    if (range.to !== undefined) this.#ranges.add(watcher);
    else {
      const set = this.#single.get(range.from);
      if (set === undefined) this.#single.set(range.from, new Set([watcher]));
      else set.add(watcher);
    }
  }

  #leave(watcher: Watcher): void {
    const { range } = watcher.options;
    if (range.to !== undefined) this.#ranges.delete(watcher);
    else {
      const set = this.#single.get(range.from);
      set?.delete(watcher);
      if (set?.size === 0) this.#single.delete(range.from);
    }
  }

  #lag(watcher: Watcher): void {
    this.#lagging.add(watcher);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#catchingUp || this.#suspended || this.#lagging.size === 0) return;
    this.#catchingUp = true;
    this.#clock.soon(() => this.#catchUp());
  }

  #catchUp(): void {
    this.#catchingUp = false;
    if (this.#suspended) return;
    for (const watcher of this.#lagging) this.#turn(watcher);
    this.#schedule();
  }

  #turn(watcher: Watcher): void {
    const state = this.#state;
    if (watcher.next < state.compactRevision) {
      this.remove(watcher);
      watcher.options.compacted(state.compactRevision);
      return;
    }
    const events: WatchEvent[] = [];
    const last = Math.min(state.revision, watcher.next + turnRevisions - 1);
    let main = watcher.next;
    for (; main <= last && events.length < turnEvents; main++) {
      for (const kv of state.changes(main) ?? []) {
        if (kv.key.length === 0) continue;
        const key = kv.key.toString('latin1');
        if (!inRange(watcher.options.range, key)) continue;
        const event = this.#event(watcher, key, kv);
        if (event !== undefined) events.push(event);
      }
    }
    watcher.next = main;
    if (events.length > 0) this.#deliver(watcher, events, main - 1);
    if (watcher.paused || watcher.closed || watcher.next <= state.revision) return;
    this.#lagging.delete(watcher);
    this.#join(watcher);
  }
}
