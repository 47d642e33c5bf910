/**
 * What of the log has to stay for members that are being sent a state: everything behind that state, until they have
 * caught up. Otherwise a member that takes long to take a large state in would need another one at once, for ever.
 *
 * A member that makes no progress for a while is held for no longer, and whoever cuts the log has a bound in bytes.
 */
import type { NodeId } from '@timonier/raft';

const patienceMs = 60_000;

interface Hold {
  /** The member has, or is being sent, everything up to here. */
  index: number;
  sending: boolean;
  /** When it last got further. */
  since: number;
}

export class SnapshotHolds {
  readonly #now: () => number;
  readonly #holds = new Map<NodeId, Hold>();

  constructor(now: () => number) {
    this.#now = now;
  }

  isSending(to: NodeId): boolean {
    return this.#holds.get(to)?.sending === true;
  }

  /** A state that goes up to `index` is on its way. */
  sending(to: NodeId, index: number): void {
    this.#holds.set(to, { index, sending: true, since: this.#now() });
  }

  /** It has arrived, or will not. */
  sent(to: NodeId, arrived: boolean): void {
    const hold = this.#holds.get(to);
    if (hold === undefined) return;
    if (!arrived) this.#holds.delete(to);
    hold.sending = false;
    hold.since = this.#now();
  }

  /**
   * The highest entry that nobody needs any more; Infinity when nobody needs any. `match` is how far a member's log
   * agrees, undefined when this is not known; who has come to `caughtUp` needs nothing special.
   */
  releasable(match: (member: NodeId) => number | undefined, caughtUp: number): number {
    let lowest = Infinity;
    for (const [id, hold] of this.#holds) {
      if (!hold.sending) {
        const reached = match(id);
        if (reached !== undefined && reached > hold.index) {
          hold.index = reached;
          hold.since = this.#now();
        }
        if (reached === undefined || hold.index >= caughtUp || this.#now() > hold.since + patienceMs) {
          this.#holds.delete(id);
          continue;
        }
      }
      lowest = Math.min(lowest, hold.index);
    }
    return lowest;
  }
}
