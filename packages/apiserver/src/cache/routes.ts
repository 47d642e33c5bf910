/**
 * Watches that only changes of objects with a certain value concern: each is told which changes those are, and looks at no
 * others. A change of a pod so costs the same whether one node watches its pods or five thousand do.
 */
import assert from 'node:assert/strict';
import type { StoredObject } from '../storage/stored-object.ts';
import type { CacheEvent } from './cache-event.ts';
import type { RequiredValue } from './field-index.ts';

/**
 * The way of changes to one watch. It knows which changes concern the watch in what it has noted, and knows nothing of the rest,
 * which the watch reads one by one: what lay in the log before the route was there, and what came after more than it may note.
 * Invariant: what is noted is in order, and before whatever is unknown; no change in between is one that concerns the watch.
 */
export class Route {
  readonly value: string;
  readonly #wake: () => void;
  readonly #most: number;
  /** Sequence numbers of changes that concern it, in order; those before `#at` were asked for. */
  #noted: number[] = [];
  #at = 0;
  /** From here on any change may concern it. Infinity where nothing is unknown. */
  #unknownFrom = 0;

  /** Of a watch that is further behind than by `most` changes of its own no more are noted. */
  constructor(value: string, wake: () => void, most: number) {
    this.value = value;
    this.#wake = wake;
    this.#most = most;
  }

  /** Changes come in order; one that concerns it twice comes twice. */
  add(sequence: number): void {
    if (sequence >= this.#unknownFrom) return;
    const last = this.#noted.at(-1) ?? -1;
    if (sequence < last) assert.fail(`change ${sequence} came after ${last}`);
    if (sequence === last) return;
    if (this.#noted.length - this.#at < this.#most) this.#noted.push(sequence);
    else this.#unknownFrom = sequence;
  }

  wake(): void {
    this.#wake();
  }

  /** The first change from `sequence` on that may concern it, of those before `end`, where the log ends; `end` when there is none. */
  next(sequence: number, end: number): number {
    if (sequence > end) assert.fail(`change ${sequence} is asked for of a log that ends at ${end}`);
    while ((this.#noted[this.#at] ?? sequence) < sequence) this.#at++;
    const found = this.#noted[this.#at];
    if (found !== undefined) {
      if (found >= this.#unknownFrom || found >= end)
        assert.fail(`change ${found} is noted of ${end}, unknown from ${this.#unknownFrom} on`);
      return found;
    }
    if (this.#at > 0) {
      this.#noted = [];
      this.#at = 0;
    }
    const unknown = Math.max(sequence, this.#unknownFrom);
    if (unknown < end) return unknown;
    // All that there is was asked for: from here on it knows.
    this.#unknownFrom = Infinity;
    return end;
  }
}

export class Routes {
  readonly #valueOf: (object: StoredObject) => string;
  readonly #byValue = new Map<string, Set<Route>>();
  readonly #due = new Set<Route>();

  constructor({ valueOf }: RequiredValue) {
    this.#valueOf = valueOf;
  }

  get isEmpty(): boolean {
    return this.#byValue.size === 0;
  }

  add(route: Route): void {
    const routes = this.#byValue.get(route.value);
    if (routes === undefined) this.#byValue.set(route.value, new Set([route]));
    else routes.add(route);
  }

  delete(route: Route): void {
    const routes = this.#byValue.get(route.value);
    routes?.delete(route);
    if (routes?.size === 0) this.#byValue.delete(route.value);
    this.#due.delete(route);
  }

  /** A change concerns those whose value its object had before it, or has now. */
  seen({ current, previous }: CacheEvent, sequence: number): void {
    for (const object of [current, previous]) {
      if (object === undefined) continue;
      for (const route of this.#byValue.get(this.#valueOf(object)) ?? []) {
        route.add(sequence);
        this.#due.add(route);
      }
    }
  }

  /** Wakes those whom changes concerned that were seen since the last time. */
  wake(): void {
    for (const route of this.#due) route.wake();
    this.#due.clear();
  }

  wakeAll(): void {
    for (const routes of this.#byValue.values()) for (const route of routes) route.wake();
  }
}
