/**
 * What a leader knows about one peer, and how eagerly it may send to it.
 *
 *   probe      unknown where the logs part: one append in flight, then wait for its answer or the next heartbeat
 *   replicate  logs agree: pipeline, at most maxInflight appends unanswered
 *   snapshot   the needed entries are compacted: nothing is sent until the host reports on the snapshot
 *
 * Invariant: match < next; every entry up to match is durable on the peer and equal to the leader's.
 */
import type { NodeId, ProgressState } from './types.ts';

export class Progress {
  readonly id: NodeId;
  voter: boolean;
  state: ProgressState = 'probe';
  match = 0;
  next: number;
  /** Probe: an append is out, wait. */
  probeSent = false;
  /** Snapshot: the index that was sent. */
  pendingSnapshot = 0;
  /** Tick of the last message from this peer, or of when it became one. */
  lastContact: number;
  /** Whether there was any. */
  heard = false;
  /** Newest leadership round it answered. */
  ackedRound = 0;
  /** The highest commit index told to it. */
  commitSent = 0;
  /** `match` when the last heartbeat was answered: no progress since means that an append may be lost. */
  matchAtHeartbeat = -1;
  readonly inflight: Inflight;

  constructor(id: NodeId, voter: boolean, next: number, tick: number, maxInflight: number) {
    this.id = id;
    this.voter = voter;
    this.next = next;
    this.lastContact = tick;
    this.inflight = new Inflight(maxInflight);
  }

  /** It was heard of. */
  contacted(tick: number): void {
    this.lastContact = tick;
    this.heard = true;
  }

  /** One append at a time, from `next`, until one is acknowledged. */
  becomeProbe(next: number): void {
    this.state = 'probe';
    this.next = Math.max(next, this.match + 1);
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.inflight.clear();
  }

  /** A window of appends, from behind what it holds. */
  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.probeSent = false;
    this.pendingSnapshot = 0;
    this.inflight.clear();
  }

  /** No appends until the host has reported the snapshot. */
  becomeSnapshot(index: number): void {
    this.state = 'snapshot';
    this.pendingSnapshot = index;
    this.inflight.clear();
  }
}

/** Last indexes of the unanswered appends, oldest first, in a ring. */
class Inflight {
  readonly #ring: number[];
  #start = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#ring = Array.from({ length: Math.max(1, capacity) }, () => 0);
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count === this.#ring.length;
  }

  add(lastIndex: number): void {
    this.#ring[(this.#start + this.#count) % this.#ring.length] = lastIndex;
    this.#count += 1;
  }

  /** Everything up to `index` was acknowledged. */
  freeTo(index: number): void {
    while (this.#count > 0 && (this.#ring[this.#start] ?? 0) <= index) {
      this.#start = (this.#start + 1) % this.#ring.length;
      this.#count -= 1;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
  }
}
