/** A hard state, or that there is none, in memory that threads share. Whoever shares it says whose turn it is. */
import type { HardState } from '@timonier/raft';

const voteBytes = 256;
const field = { term: 0, commit: 1, vote: 2 } as const;
/** In place of a vote's length. */
const noVote = -1;
const noHardState = -2;

export class HardStateSlot {
  static readonly bytes = 24 + voteBytes;
  readonly #numbers: Float64Array;
  readonly #vote: Buffer;

  /** `at` is a multiple of eight. */
  constructor(memory: SharedArrayBuffer, at: number) {
    this.#numbers = new Float64Array(memory, at, 3);
    this.#vote = Buffer.from(memory, at + 24, voteBytes);
  }

  /** Whether it can hold this one; a member's id is far shorter than what it has room for. */
  fits(hardState: HardState | undefined): boolean {
    return (hardState?.vote?.length ?? 0) * 3 <= voteBytes;
  }

  set(hardState: HardState | undefined): void {
    if (!this.fits(hardState)) throw new RangeError(`vote ${hardState?.vote ?? ''} is too long`);
    const numbers = this.#numbers;
    if (hardState === undefined) {
      numbers[field.vote] = noHardState;
      return;
    }
    const { term, vote, commit } = hardState;
    numbers[field.term] = term;
    numbers[field.commit] = commit;
    numbers[field.vote] = vote === null ? noVote : this.#vote.write(vote);
  }

  get(): HardState | undefined {
    const [term = 0, commit = 0, vote = noHardState] = this.#numbers;
    if (vote === noHardState) return undefined;
    return { term, commit, vote: vote === noVote ? null : this.#vote.toString('utf8', 0, vote) };
  }
}
