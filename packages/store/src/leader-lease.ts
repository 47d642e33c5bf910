/**
 * Until when a leader may take it as proven that nobody else leads. Voters promise their loyalty with every answer to
 * a heartbeat; the lease of a round is the shortest promise within the majority that answered it, counted from before
 * the round was sent. Why that is safe: docs/decisions/0021-adaptive-election-timeout.md.
 */
import type { NodeId } from '@timonier/raft';

interface Answer {
  readonly round: number;
  readonly loyalMs: number;
}

export class LeaderLease {
  readonly #answers = new Map<NodeId, Answer>();

  /** A voter answered a round of the current term and promised its loyalty from when it heard of the round. */
  answered(from: NodeId, round: number, loyalMs: number): void {
    if ((this.#answers.get(from)?.round ?? 0) <= round) this.#answers.set(from, { round, loyalMs });
  }

  /** Another term or role. */
  reset(): void {
    this.#answers.clear();
  }

  /** For how many milliseconds from before `round` was sent nobody else can be elected. `ownMs`: of a lone voter. */
  provenMs(round: number, voters: readonly NodeId[], self: NodeId, ownMs: number): number {
    const promises: number[] = [];
    let needed = Math.floor(voters.length / 2) + 1;
    for (const id of voters) {
      const answer = this.#answers.get(id);
      if (id === self) needed -= 1;
      else if (answer !== undefined && answer.round >= round) promises.push(answer.loyalMs);
    }
    if (needed === 0) return ownMs;
    // The majority with the longest promises counts, and in it the shortest.
    promises.sort((a, b) => b - a);
    return promises[needed - 1] ?? 0;
  }
}
