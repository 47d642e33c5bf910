/**
 * Reads waiting for their barrier. On a leader: in the order of the leadership round that will confirm them, and
 * before that, those that arrived before the leader committed in its own term. On others: those forwarded to the
 * leader, until it answers, is replaced, or too much time has passed.
 *
 * Bounded: at the bound new reads are rejected. Invariant: rounds in #waiting never decrease.
 */
import type { NodeId } from './types.ts';

/** Who asked: a remote member under its own number, or this host (origin null). */
export interface ReadRequest {
  readonly origin: NodeId | null;
  readonly context: number;
}

interface Waiting extends ReadRequest {
  readonly index: number;
  readonly round: number;
}

interface Forwarded {
  readonly context: number;
  readonly tick: number;
}

type Ready = { readonly context: number; readonly index: number };
type Rejected = { readonly context: number; readonly leader: NodeId | null };

const NONE: readonly never[] = Object.freeze([]);

export class ReadQueue {
  readonly #bound: number;
  #early: ReadRequest[] = [];
  #waiting: Waiting[] = [];
  #head = 0;
  readonly #forwarded = new Map<number, Forwarded>();
  /** Numbers on the wire start anywhere, so that answers meant for an earlier life of this member match nothing. */
  #nextWireContext: number;
  #ready: Ready[] = [];
  #rejected: Rejected[] = [];

  constructor(bound: number, random: () => number) {
    this.#bound = bound;
    this.#nextWireContext = Math.floor(random() * 2 ** 48);
  }

  get full(): boolean {
    return this.#early.length + this.#waiting.length - this.#head + this.#forwarded.size >= this.#bound;
  }

  get anyWaiting(): boolean {
    return this.#head < this.#waiting.length;
  }

  addEarly(request: ReadRequest): void {
    this.#early.push(request);
  }

  takeEarly(): ReadRequest[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  addWaiting(request: ReadRequest, index: number, round: number): void {
    this.#waiting.push({ origin: request.origin, context: request.context, index, round });
  }

  /** The oldest read confirmed by `round`, removed; undefined when there is none. */
  nextConfirmed(round: number): Waiting | undefined {
    const first = this.#waiting[this.#head];
    if (first === undefined || first.round > round) return undefined;
    this.#head += 1;
    if (this.#head === this.#waiting.length || this.#head >= 1024) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Remembers a read sent to the leader; returns the number to send. */
  forward(context: number, tick: number): number {
    const wire = this.#nextWireContext;
    this.#nextWireContext += 1;
    this.#forwarded.set(wire, { context, tick });
    return wire;
  }

  answered(wireContext: number, index: number | null, leader: NodeId | null): void {
    const forwarded = this.#forwarded.get(wireContext);
    if (forwarded === undefined) return;
    this.#forwarded.delete(wireContext);
    if (index === null) this.reject(forwarded.context, leader);
    else this.ready(forwarded.context, index);
  }

  /** Rejects forwarded reads sent before `tick`. */
  expire(tick: number, leader: NodeId | null): void {
    for (const [wire, forwarded] of this.#forwarded) {
      if (forwarded.tick >= tick) return;
      this.#forwarded.delete(wire);
      this.reject(forwarded.context, leader);
    }
  }

  /** Leadership here, or of the member asked, is over. Returns the requests of others, to be told. */
  abandon(leader: NodeId | null): ReadRequest[] {
    if (this.#early.length === 0 && !this.anyWaiting && this.#forwarded.size === 0) return [];
    const remote: ReadRequest[] = [];
    for (const request of [...this.#early, ...this.#waiting.slice(this.#head)]) {
      if (request.origin === null) this.reject(request.context, leader);
      else remote.push(request);
    }
    for (const forwarded of this.#forwarded.values()) this.reject(forwarded.context, leader);
    this.#early = [];
    this.#waiting = [];
    this.#head = 0;
    this.#forwarded.clear();
    return remote;
  }

  ready(context: number, index: number): void {
    this.#ready.push({ context, index });
  }

  reject(context: number, leader: NodeId | null): void {
    this.#rejected.push({ context, leader });
  }

  takeReady(): readonly Ready[] {
    if (this.#ready.length === 0) return NONE;
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  takeRejected(): readonly Rejected[] {
    if (this.#rejected.length === 0) return NONE;
    const rejected = this.#rejected;
    this.#rejected = [];
    return rejected;
  }
}
