/**
 * How long members take to answer a leader's heartbeats. Heartbeats carry the number of their round, and so does the
 * answer; of all rounds one is measured now and then, for under load there are thousands of them. Times are
 * milliseconds of one monotonic clock.
 */
import type { NodeId } from '@timonier/raft';

/** Between two rounds that are measured. */
const everyMs = 100;

export class RoundTrips {
  readonly #answered: (peer: NodeId, ms: number) => void;
  #round: number | undefined;
  #askedAt = -Infinity;
  readonly #sent = new Set<NodeId>();

  constructor(answered: (peer: NodeId, ms: number) => void) {
    this.#answered = answered;
  }

  asked(peer: NodeId, round: number, now: number): void {
    if (round !== this.#round) {
      if (now - this.#askedAt < everyMs) return;
      this.#round = round;
      this.#askedAt = now;
      this.#sent.clear();
    }
    this.#sent.add(peer);
  }

  answered(peer: NodeId, round: number, now: number): void {
    if (round === this.#round && this.#sent.delete(peer)) this.#answered(peer, now - this.#askedAt);
  }
}
