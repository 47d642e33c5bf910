/**
 * Watches that only changes of objects with a certain value concern: each is told which changes those are, and looks at no
 * others. A change of a pod so costs the same whether one node watches its pods or five thousand do.
 */
import type { StoredObject } from '../storage/stored-object.ts';
import type { CacheEvent } from './cache-event.ts';
import type { RequiredValue } from './field-index.ts';

/** The way of changes to one watch. */
export class Route {
  readonly value: string;
  readonly #wake: () => void;
  readonly #most: number;
  /** Sequence numbers of changes that concern it, in order; those before `#at` were asked for. */
  #pending: number[] = [];
  #at = 0;

  /** Of a watch that is more than `most` changes behind, its log has forgotten the first. */
  constructor(value: string, wake: () => void, most: number) {
    this.value = value;
    this.#wake = wake;
    this.#most = most;
  }

  add(sequence: number): void {
    if (this.#pending.length - this.#at <= this.#most && this.#pending.at(-1) !== sequence)
      this.#pending.push(sequence);
  }

  wake(): void {
    this.#wake();
  }

  /** The first change from `sequence` on that concerns it, of those since it is there; undefined when there is none. */
  next(sequence: number): number | undefined {
    while ((this.#pending[this.#at] ?? sequence) < sequence) this.#at++;
    const found = this.#pending[this.#at];
    if (found === undefined && this.#at > 0) {
      this.#pending = [];
      this.#at = 0;
    }
    return found;
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
