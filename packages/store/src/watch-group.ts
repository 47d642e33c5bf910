/**
 * Watchers that asked for the same thing and are up to date: an event is found and put together once for all of them,
 * and handed out in turns, those first who have waited longest.
 *
 * While it is handed out more may come; a watcher then gets all it has not seen at once, and watchers that stand at the
 * same place get the same array. Invariant: what has not been handed out to everybody is held in `#pending`; its bound
 * is kept by handing out at once.
 */
import type { KeyRange } from './key-index.ts';
import type { WatchEvent } from './types.ts';
import type { Watcher } from './watcher.ts';

interface Pending {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

/** Beyond so many events that wait, those who are furthest behind are served before anything else happens. */
const maxPendingEvents = 2_000;

export class WatchGroup {
  readonly range: KeyRange;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** In the order of their last turn. */
  readonly #members = new Set<Watcher>();
  #pending: Pending[] = [];
  #pendingEvents = 0;
  #last = 0;
  /** Members that have not seen all that waits; they come first in `#members`. */
  #behind = 0;
  /** What the member before was given, for the next one at the same place. */
  #slice: { from: number; to: number; events: readonly WatchEvent[] } | undefined;

  constructor({ range, prevKv, noPut, noDelete }: Watcher['options']) {
    this.range = range;
    this.prevKv = prevKv;
    this.noPut = noPut;
    this.noDelete = noDelete;
  }

  static keyOf({ range, prevKv, noPut, noDelete }: Watcher['options']): string {
    const flags = (prevKv ? 1 : 0) + (noPut ? 2 : 0) + (noDelete ? 4 : 0);
    return `${flags}${range.to === undefined ? '=' : '<'}${range.from.length}:${range.from}${range.to ?? ''}`;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Whether somebody has not been given everything. */
  get due(): boolean {
    return this.#behind > 0;
  }

  get members(): Iterable<Watcher> {
    return this.#members;
  }

  isCurrent(member: Watcher): boolean {
    return this.#behind === 0 || member.seen >= this.#last;
  }

  /** A watcher that has got everything up to now. */
  join(member: Watcher): void {
    member.seen = this.#last;
    this.#members.add(member);
  }

  leave(member: Watcher): void {
    if (!this.#members.delete(member)) return;
    if (member.seen < this.#last) this.#behind--;
    if (this.#behind === 0) this.#clear();
  }

  /** The events of a new revision, which everybody is to get. */
  add(revision: number, events: readonly WatchEvent[]): void {
    this.#pending.push({ revision, events });
    this.#pendingEvents += events.length;
    this.#last = revision;
    this.#behind = this.#members.size;
  }

  /** Whether more waits than should be held. */
  get overfull(): boolean {
    return this.#pendingEvents > maxPendingEvents;
  }

  /** Takes the member that has waited longest, and what is new to it; undefined when nobody waits. */
  next(): { member: Watcher; events: readonly WatchEvent[]; revision: number } | undefined {
    if (this.#behind === 0) return undefined;
    const [member] = this.#members;
    if (member === undefined) return undefined;
    const before = member.seen;
    this.#members.delete(member);
    this.#members.add(member);
    member.seen = this.#last;
    this.#behind--;
    const events = this.#after(Math.max(before, member.next - 1));
    const revision = this.#last;
    if (this.#behind === 0) this.#clear();
    else this.#drop();
    return { member, events, revision };
  }

  /** Everything of revisions above `revision`. */
  #after(revision: number): readonly WatchEvent[] {
    const first = this.#pending.findIndex((one) => one.revision > revision);
    if (first < 0) return [];
    const from = this.#pending[first]?.revision ?? 0;
    if (this.#slice?.from === from && this.#slice.to === this.#last) return this.#slice.events;
    const parts = this.#pending.slice(first);
    const events = parts.length === 1 ? (parts[0]?.events ?? []) : parts.flatMap((part) => part.events);
    this.#slice = { from, to: this.#last, events };
    return events;
  }

  /** Lets go what the member furthest behind has seen. */
  #drop(): void {
    const [furthest] = this.#members;
    const seen = furthest?.seen ?? 0;
    while ((this.#pending[0]?.revision ?? Infinity) <= seen)
      this.#pendingEvents -= this.#pending.shift()?.events.length ?? 0;
  }

  #clear(): void {
    this.#pending = [];
    this.#pendingEvents = 0;
    this.#slice = undefined;
  }
}
