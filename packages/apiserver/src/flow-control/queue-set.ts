/**
 * The queues of one priority level and its seats: fair queuing of requests of different width, after upstream's "fair
 * queuing for server requests". Each queue has a virtual time at which its next request would start; the queue whose
 * first request would finish first in virtual time goes first. Pure: it holds requests and decides; time comes from
 * outside in milliseconds, and what a decision means is the request's to know.
 *
 * Invariant: seats in use never exceed the limit, but for one request that alone is wider than it, or a limit that was
 * lowered meanwhile. A limit of `Infinity` is a level that is exempt.
 */
import { maxSeatsOf, type WorkEstimate, workOf } from './work-estimate.ts';

/** What serving one request is expected to take. */
const serviceMs = 3;

export type Rejection = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

export interface QueuedRequest {
  readonly estimate: WorkEstimate;
  /** Called once when the request, having waited, may go on. */
  readonly dispatch: () => void;
}

interface Queue {
  readonly index: number;
  readonly waiting: Entry[];
  executing: number;
  seatsInUse: number;
  waitingWork: number;
  nextDispatchR: number;
}

export interface Entry {
  readonly request: QueuedRequest;
  readonly seats: number;
  readonly queue: Queue | undefined;
  readonly arrivedAt: number;
  startedAt: number;
  state: 'waiting' | 'executing' | 'lingering' | 'done';
}

export interface QueueSetConfig {
  /** 0: nothing waits. */
  readonly queues: number;
  readonly queueLengthLimit: number;
}

export class QueueSet {
  #config: QueueSetConfig;
  #limit: number;
  /** Those only that have a request waiting or being served. */
  readonly #queues = new Map<number, Queue>();
  #waiting = 0;
  #seatsWaiting = 0;
  #executing = 0;
  #seatsInUse = 0;
  #enqueues = 0;
  #robin = 0;
  #r = 0;
  #syncedAt: number;

  constructor(config: QueueSetConfig, limit: number, now: number) {
    this.#config = config;
    this.#limit = limit;
    this.#syncedAt = now;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get executing(): number {
    return this.#executing;
  }

  get seatsInUse(): number {
    return this.#seatsInUse;
  }

  get seatsWaiting(): number {
    return this.#seatsWaiting;
  }

  get limit(): number {
    return this.#limit;
  }

  get virtualTime(): number {
    return this.#r;
  }

  get queues(): Iterable<Readonly<Queue>> {
    return this.#queues.values();
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#executing === 0;
  }

  configure(config: QueueSetConfig, limit: number, now: number): void {
    this.#sync(now);
    this.#config = config;
    this.#limit = limit;
    this.#dispatchAll(now);
  }

  /**
   * Takes a request in: the entry is executing already, or waits, or a reason is given why it may not. `hand` are the
   * queues that the request's flow may use.
   */
  start(request: QueuedRequest, hand: readonly number[], now: number): Entry | Rejection {
    this.#sync(now);
    const seats = maxSeatsOf(request.estimate);
    const entry = (queue: Queue | undefined): Entry => ({
      request,
      seats,
      queue,
      arrivedAt: now,
      startedAt: now,
      state: 'waiting',
    });
    if (this.#config.queues < 1) {
      if (!this.#accommodates(seats)) return 'concurrency-limit';
      const direct = entry(undefined);
      this.#execute(direct, now);
      return direct;
    }
    const queue = this.#choose(hand);
    if (this.#seatsInUse >= this.#limit && queue.waiting.length >= this.#config.queueLengthLimit)
      return 'queue-full';
    if (queue.waiting.length === 0 && queue.executing === 0) queue.nextDispatchR = this.#r;
    this.#queues.set(queue.index, queue);
    const queued = entry(queue);
    // The usual case: nobody waits and there is room.
    if (this.#waiting === 0 && this.#accommodates(seats)) {
      this.#robin = queue.index;
      this.#execute(queued, now);
      return queued;
    }
    queue.waiting.push(queued);
    queue.waitingWork += workOf(request.estimate, serviceMs);
    this.#waiting++;
    this.#seatsWaiting += seats;
    this.#dispatchAll(now);
    return queued;
  }

  /** Takes a request back that still waits; false when it does not wait any more. */
  giveUp(entry: Entry, now: number): boolean {
    if (entry.state !== 'waiting' || entry.queue === undefined) return false;
    this.#sync(now);
    const { queue } = entry;
    queue.waiting.splice(queue.waiting.indexOf(entry), 1);
    this.#left(entry);
    entry.state = 'done';
    this.#forget(queue);
    // It may have been too wide for what was free.
    this.#dispatchAll(now);
    return true;
  }

  /**
   * The request is answered. Its seats are free at once, or only after the milliseconds that are returned, when `release`
   * must be called.
   */
  finish(entry: Entry, now: number): number {
    if (entry.state !== 'executing') return 0;
    this.#sync(now);
    this.#executing--;
    const { queue, request } = entry;
    const { estimate } = request;
    if (queue !== undefined) {
      queue.executing--;
      // What was expected is corrected by what it took.
      const actual = estimate.initialSeats * (now - entry.startedAt - serviceMs);
      queue.nextDispatchR += actual;
      if (queue.nextDispatchR < this.#r && queue.waiting.length === 0) queue.nextDispatchR = this.#r;
    }
    entry.state = 'lingering';
    if (estimate.additionalMs > 0) return estimate.additionalMs;
    this.release(entry, now);
    return 0;
  }

  release(entry: Entry, now: number): void {
    if (entry.state !== 'lingering') return;
    this.#sync(now);
    entry.state = 'done';
    this.#seatsInUse -= entry.seats;
    if (entry.queue !== undefined) {
      entry.queue.seatsInUse -= entry.seats;
      this.#forget(entry.queue);
    }
    this.#dispatchAll(now);
  }

  #sync(now: number): void {
    const elapsed = now - this.#syncedAt;
    this.#syncedAt = now;
    const active = this.#queues.size;
    if (elapsed <= 0 || active === 0) return;
    this.#r += (elapsed * Math.min(this.#seatsInUse + this.#seatsWaiting, this.#limit)) / active;
  }

  /** The queue of the hand with the least work waiting; where the search begins moves on each time. */
  #choose(hand: readonly number[]): Queue {
    const offset = this.#enqueues++ % hand.length;
    let best: Queue | undefined;
    for (let i = 0; i < hand.length; i++) {
      const index = hand[(offset + i) % hand.length] ?? 0;
      const queue = this.#queues.get(index);
      // One without work in it is as good as it gets.
      if (queue === undefined) return best?.waitingWork === 0 ? best : newQueue(index);
      if (best === undefined || queue.waitingWork < best.waitingWork) best = queue;
    }
    return best ?? newQueue(0);
  }

  #accommodates(seats: number): boolean {
    if (seats > this.#limit) return this.#executing === 0 && this.#limit > 0;
    return this.#seatsInUse + seats <= this.#limit;
  }

  #dispatchAll(now: number): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#limit) {
      const queue = this.#next();
      const entry = queue?.waiting[0];
      if (queue === undefined || entry === undefined || !this.#accommodates(entry.seats)) return;
      queue.waiting.shift();
      this.#left(entry);
      this.#robin = queue.index;
      this.#execute(entry, now);
      entry.request.dispatch();
    }
  }

  /** The queue whose first request would be finished first in virtual time; of equals the next in turn. */
  #next(): Queue | undefined {
    let best: Queue | undefined;
    let bestFinish = Infinity;
    let bestTurn = Infinity;
    for (const queue of this.#queues.values()) {
      const first = queue.waiting[0];
      if (first === undefined) continue;
      const finish = queue.nextDispatchR + workOf(first.request.estimate, serviceMs);
      const ahead = queue.index - this.#robin - 1;
      const turn = ahead < 0 ? ahead + this.#config.queues : ahead;
      if (finish > bestFinish || (finish === bestFinish && turn >= bestTurn)) continue;
      best = queue;
      bestFinish = finish;
      bestTurn = turn;
    }
    return best;
  }

  #execute(entry: Entry, now: number): void {
    entry.state = 'executing';
    entry.startedAt = now;
    this.#executing++;
    this.#seatsInUse += entry.seats;
    if (entry.queue === undefined) return;
    entry.queue.executing++;
    entry.queue.seatsInUse += entry.seats;
    entry.queue.nextDispatchR += workOf(entry.request.estimate, serviceMs);
  }

  #left({ queue, request, seats }: Entry): void {
    this.#waiting--;
    this.#seatsWaiting -= seats;
    if (queue !== undefined) queue.waitingWork -= workOf(request.estimate, serviceMs);
  }

  #forget(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.executing === 0 && queue.seatsInUse === 0)
      this.#queues.delete(queue.index);
  }
}

function newQueue(index: number): Queue {
  return { index, waiting: [], executing: 0, seatsInUse: 0, waitingWork: 0, nextDispatchR: 0 };
}
