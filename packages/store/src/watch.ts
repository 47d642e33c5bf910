/**
 * Watches over the multi-version state.
 *
 * A watcher is a range and the next revision it must see. Those that are up to date get changes soon after they are
 * applied, in groups of those that asked for the same, some at a time so that a thousand of them keep nobody waiting;
 * one that starts in the past, or whose client is slow, is brought forward from history in small turns. So nothing is
 * buffered for a slow client but a number, and a client sees every change once and in order.
 */
import { type Clock, systemClock } from './clock.ts';
import { inRange } from './key-index.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Mvcc } from './mvcc.ts';
import type { WatchEvent } from './types.ts';
import { WatchGroup } from './watch-group.ts';
import { Watcher, type WatcherOptions } from './watcher.ts';

export type { Watcher } from './watcher.ts';

/** Revisions a lagging watcher looks through in one turn, and events it is given at most at a time. */
const turnRevisions = 2_000;
const turnEvents = 500;
/** Watchers that are up to date and get something in one turn. */
const turnDeliveries = 64;

export class WatchHub {
  #state: Mvcc;
  readonly #groups = new Map<string, WatchGroup>();
  /** Those of a single key, by it, and all others. */
  readonly #single = new Map<string, Set<WatchGroup>>();
  readonly #ranges = new Set<WatchGroup>();
  readonly #due = new Set<WatchGroup>();
  #handingOut = false;
  /** A turn ended before everybody was served. */
  #turnsOwed = false;
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

  /** Watchers, those that lag included. */
  get size(): number {
    let size = this.#lagging.size;
    for (const group of this.#groups.values()) size += group.size;
    return size;
  }

  /** Watchers that are still being given older events. */
  get lagging(): number {
    return this.#lagging.size;
  }

  /** Gives every event from the revision that was asked for on, once and in order; the caller has checked that it can be read. */
  add(options: WatcherOptions): Watcher {
    const watcher = new Watcher(options);
    if (watcher.next <= this.#state.revision && this.#bugs.has('watch-off-by-one')) watcher.next += 1;
    if (watcher.next > this.#state.revision) this.#join(watcher);
    else this.#lag(watcher);
    return watcher;
  }

  /** Nothing is given to it any more. */
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
    if (watcher.closed || watcher.paused || this.#lagging.has(watcher)) return false;
    return this.#groups.get(WatchGroup.keyOf(watcher.options))?.isCurrent(watcher) === true;
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
    for (const group of this.#groups.values())
      for (const watcher of group.members) this.#lagging.add(watcher);
    this.#groups.clear();
    this.#single.clear();
    this.#ranges.clear();
    this.#due.clear();
    this.#turnsOwed = false;
    this.#schedule();
  }

  /** Has new revisions delivered to those who are up to date, soon: `handOut` begins with it at once. */
  revisions(from: number, to: number): void {
    for (let main = from; main <= to; main++) {
      const changes = this.#state.changes(main);
      if (changes === undefined) continue;
      const events = new Map<WatchGroup, WatchEvent[]>();
      for (const kv of changes) {
        if (kv.key.length === 0) continue;
        const key = kv.key.toString('latin1');
        for (const group of this.#single.get(key) ?? []) this.#collect(events, group, key, kv);
        for (const group of this.#ranges)
          if (inRange(group.range, key)) this.#collect(events, group, key, kv);
        if (this.#bugs.has('watch-overtaken')) this.#overtake(key, kv);
      }
      for (const [group, list] of events) {
        group.add(main, list);
        this.#due.add(group);
        while (group.overfull && group.due) this.#handTo(group);
      }
    }
    this.#handOutSoon();
  }

  #collect(
    events: Map<WatchGroup, WatchEvent[]>,
    group: WatchGroup,
    key: string,
    kv: WatchEvent['kv'],
  ): void {
    const event = this.#event(group, key, kv);
    if (event === undefined) return;
    const list = events.get(group);
    if (list === undefined) events.set(group, [event]);
    else list.push(event);
  }

  /** The known bug of that name. */
  #overtake(key: string, kv: WatchEvent['kv']): void {
    for (const watcher of this.#lagging) {
      if (!inRange(watcher.options.range, key) || kv.modRevision < watcher.next) continue;
      const event = this.#event(watcher.options, key, kv);
      if (event !== undefined) this.#deliver(watcher, [event], kv.modRevision);
    }
  }

  /**
   * What was just applied goes to the first watchers at once, before the answers of those who wrote it; whoever is told by
   * a watch and by an answer should not hear the answer first. Not while others still wait for their turn: one turn more
   * in each application would keep the next ones waiting.
   */
  handOut(): void {
    if (!this.#turnsOwed) this.#handOutTurn();
  }

  #handOutSoon(): void {
    if (this.#handingOut || this.#due.size === 0) return;
    this.#handingOut = true;
    this.#clock.soon(() => {
      this.#handingOut = false;
      this.#handOutTurn();
    });
  }

  #handOutTurn(): void {
    // Groups take turns as their members do.
    for (let left = turnDeliveries; left > 0 && this.#due.size > 0;)
      for (const group of this.#due) {
        if (group.due) this.#handTo(group);
        if (!group.due) this.#due.delete(group);
        if (--left === 0) break;
      }
    this.#turnsOwed = this.#due.size > 0;
    this.#handOutSoon();
  }

  #handTo(group: WatchGroup): void {
    const next = group.next();
    if (next === undefined) return;
    const { member, events, revision } = next;
    if (events.length > 0) this.#deliver(member, events, revision);
  }

  #event(
    wanted: Pick<WatcherOptions, 'prevKv' | 'noPut' | 'noDelete'>,
    key: string,
    kv: WatchEvent['kv'],
  ): WatchEvent | undefined {
    const deleted = kv.version === 0;
    if (deleted ? wanted.noDelete : wanted.noPut) return undefined;
    if (!wanted.prevKv) return { type: deleted ? 1 : 0, kv };
    const before = kv.modRevision - 1;
    // What compaction took away cannot be shown any more, as in etcd.
    const prevKv = before < this.#state.compactRevision ? undefined : this.#state.get(key, before);
    return { type: deleted ? 1 : 0, kv, prevKv };
  }

  #deliver(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    watcher.next = Math.max(watcher.next, revision + 1);
    const ordered = this.#bugs.has('txn-events-reversed') ? events.toReversed() : events;
    if (!watcher.options.deliver(ordered, revision)) {
      watcher.paused = true;
      this.#leave(watcher);
      this.#lagging.delete(watcher);
    }
  }

  #join(watcher: Watcher): void {
    const { options } = watcher;
    const key = WatchGroup.keyOf(options);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new WatchGroup(options);
      this.#groups.set(key, group);
      const { from, to } = options.range;
      if (to !== undefined) this.#ranges.add(group);
      else {
        const groups = this.#single.get(from);
        if (groups === undefined) this.#single.set(from, new Set([group]));
        else groups.add(group);
      }
    }
    group.join(watcher);
  }

  #leave(watcher: Watcher): void {
    const key = WatchGroup.keyOf(watcher.options);
    const group = this.#groups.get(key);
    if (group === undefined) return;
    group.leave(watcher);
    if (group.size > 0) return;
    this.#groups.delete(key);
    this.#due.delete(group);
    this.#ranges.delete(group);
    const { from } = group.range;
    const groups = this.#single.get(from);
    groups?.delete(group);
    if (groups?.size === 0) this.#single.delete(from);
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
        const event = this.#event(watcher.options, key, kv);
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
