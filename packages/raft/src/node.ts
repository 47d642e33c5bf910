/** One member of a Raft group as a state machine: inputs in, effects out. (Skeleton: the behaviour follows.) */
import type { Effects, Input, RaftOptions, RaftStatus } from './types.ts';

export class RaftNode {
  readonly #options: RaftOptions;

  constructor(options: RaftOptions) {
    this.#options = options;
  }

  /** Advances the state machine by one input; see types.ts for what the host owes the result. */
  step(input: Input): Effects {
    throw new Error(`${this.#options.id} cannot step ${input.type} yet`);
  }

  /** A copy of the state worth showing; allocates, not for the hot path. */
  get status(): RaftStatus {
    throw new Error(`${this.#options.id} has no status yet`);
  }
}
