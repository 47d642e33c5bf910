/**
 * The last changes of one resource, in order, bounded in number and in bytes. Watchers are cursors into it: they hold a
 * sequence number and read on from there when their connection can take more, so a slow one costs nothing but its
 * position, and falls off the end when it is too slow.
 */
import type { CacheEvent } from './cache-event.ts';
import type { RequiredValue } from './field-index.ts';
import { Route, Routes } from './routes.ts';

/** Of the objects that changes have made, beyond which the oldest are dropped: four thousand changes of a large object were gigabytes. */
const mostBytes = 64 * 1024 * 1024;
/** The newest are kept whatever they take. */
const fewEvents = 64;
/**
 * Of so many what was encoded is kept for watchers that are still to come to them; of older ones it is encoded again, and kept of
 * as many of those for watchers that resume together.
 */
const encodedEvents = 256;

export class EventLog {
  readonly #capacity: number;
  readonly #mostBytes: number;
  #bytes = 0;
  readonly #events: CacheEvent[] = [];
  readonly #listeners = new Set<() => void>();
  /** To those that only changes of some objects concern. */
  #routes: Routes | undefined;
  /** Sequence numbers of older ones that were encoded again, in that order. */
  readonly #again: number[] = [];
  #closed = false;
  #firstSequence = 0;
  #floor: number;

  /** `floor` is the revision of the state before the first event. */
  constructor(floor: number, capacity: number, bytes = mostBytes) {
    this.#floor = floor;
    this.#capacity = capacity;
    this.#mostBytes = bytes;
  }

  /** Every change after this revision is still here. */
  get floor(): number {
    return this.#floor;
  }

  get nextSequence(): number {
    return this.#firstSequence + this.#events.length;
  }

  append(event: CacheEvent): void {
    this.#routes?.seen(event, this.nextSequence);
    this.#events.push(event);
    this.#bytes += bytesOf(event);
    const early = this.#events[this.#events.length - 1 - encodedEvents];
    if (early !== undefined) early.encoded = undefined;
    // Dropping one by one would move the whole array each time.
    if (this.#events.length > this.#capacity * 1.25) this.#drop(this.#events.length - this.#capacity);
    if (this.#bytes > this.#mostBytes * 1.25) this.#drop(this.#surplus());
  }

  /** The event with this sequence number was encoded, and had not been since it was made or was cleared. */
  encoded(sequence: number): void {
    // Of the others it is cleared when newer ones come.
    if (sequence >= this.nextSequence - encodedEvents) return;
    this.#again.push(sequence);
    if (this.#again.length <= encodedEvents) return;
    const event = this.at(this.#again.shift() ?? 0);
    if (typeof event === 'object') event.encoded = undefined;
  }

  #drop(count: number): void {
    if (count <= 0) return;
    const dropped = this.#events.splice(0, count);
    for (const event of dropped) this.#bytes -= bytesOf(event);
    this.#firstSequence += dropped.length;
    this.#floor = dropped.at(-1)?.revision ?? this.#floor;
  }

  /** How many of the oldest have to go for the others to have no more bytes than they may. */
  #surplus(): number {
    let bytes = this.#bytes;
    let count = 0;
    const most = this.#events.length - fewEvents;
    for (const event of this.#events) {
      if (count >= most || bytes <= this.#mostBytes) break;
      bytes -= bytesOf(event);
      count++;
    }
    return count;
  }

  /** True once nothing will ever be appended again: the resource is gone, and its watches end. */
  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.notify();
  }

  /** Wakes the watchers; called once per batch of appended events. */
  notify(): void {
    for (const listener of this.#listeners) listener();
    if (this.#closed) this.#routes?.wakeAll();
    else this.#routes?.wake();
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Like `onAppend` for one whom only changes of objects with that value concern; `nextFor` says which those are. */
  follow(listener: () => void, required: RequiredValue): Route {
    const route = new Route(required.value, listener, this.#capacity);
    this.#routes ??= new Routes(required);
    this.#routes.add(route);
    return route;
  }

  /** Past what does not concern the watch of a route, which may be more than is still here. */
  nextFor(route: Route, sequence: number): number {
    return route.next(sequence, this.nextSequence);
  }

  leave(route: Route): void {
    this.#routes?.delete(route);
    // Without anybody to tell no change needs to be looked at.
    if (this.#routes?.isEmpty === true) this.#routes = undefined;
  }

  /** The event with this sequence number: `undefined` when it has not happened yet, `'lost'` when it is gone. */
  at(sequence: number): CacheEvent | 'lost' | undefined {
    if (sequence < this.#firstSequence) return 'lost';
    return this.#events[sequence - this.#firstSequence];
  }

  /** Sequence number of the first event after `revision`, or undefined when some of those are gone. */
  after(revision: number): number | undefined {
    if (revision < this.#floor) return undefined;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return this.#firstSequence + low;
  }
}

/** What it was before is counted as what the change before it made. */
function bytesOf({ current, previous }: CacheEvent): number {
  return (current ?? previous)?.json.length ?? 0;
}
