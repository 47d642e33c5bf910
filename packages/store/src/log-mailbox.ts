/**
 * The way of a batch from the main thread to the log's thread: memory that both share, and a bell. A thread that
 * sleeps on the bell is woken by one futex call and finds the bytes in place; a message port costs several times as
 * much at either end, which is most of what a single small write costs.
 *
 * There is one slot, for at most one append is under way. What does not fit, and everything that is not an append,
 * goes through the port, and the bell is rung for it too. Invariant: requests are taken in the order in which they
 * were put, because the slot is used only while nothing waits in the port.
 */
import type { WalRequest } from './log-thread.ts';

type Append = Extract<WalRequest, { type: 'append' }>;

const slotBytes = 1024 * 1024;
const voteBytes = 256;

/** Places in the shared words: how often the bell was rung, whether the slot is full, how many messages were taken. */
const word = { bell: 0, full: 1, taken: 2 } as const;
/** Places in the shared numbers. */
const field = { ticket: 0, lastIndex: 1, length: 2, term: 3, commit: 4, vote: 5, syncMs: 6 } as const;
/** In place of a vote's length. */
const noVote = -1;
const noHardState = -2;

export class LogMailbox {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #vote: Buffer;
  readonly #slot: Buffer;
  #posted = 0;
  #heard = 0;

  /** Without `memory` a new one, which the other side is to be given. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(128 + voteBytes + slotBytes);
    this.#words = new Int32Array(this.memory, 0, 4);
    this.#numbers = new Float64Array(this.memory, 64, 8);
    this.#vote = Buffer.from(this.memory, 128, voteBytes);
    this.#slot = Buffer.from(this.memory, 128 + voteBytes, slotBytes);
  }

  /** Main thread: puts an append into the slot; false when it must go through the port. */
  put({ batch, ticket, lastIndex, hardState }: Append): boolean {
    const vote = hardState?.vote ?? '';
    if (
      batch.byteLength > slotBytes ||
      vote.length * 3 > voteBytes ||
      Atomics.load(this.#words, word.full) !== 0 ||
      Atomics.load(this.#words, word.taken) !== this.#posted
    )
      return false;
    const numbers = this.#numbers;
    numbers[field.ticket] = ticket;
    numbers[field.lastIndex] = lastIndex;
    numbers[field.length] = batch.byteLength;
    numbers[field.vote] = noHardState;
    if (hardState !== undefined) {
      numbers[field.term] = hardState.term;
      numbers[field.commit] = hardState.commit;
      numbers[field.vote] = hardState.vote === null ? noVote : this.#vote.write(vote);
    }
    this.#slot.set(new Uint8Array(batch));
    Atomics.store(this.#words, word.full, 1);
    this.#ring();
    return true;
  }

  /** Main thread: something was sent through the port. */
  posted(): void {
    this.#posted = (this.#posted + 1) | 0;
    this.#ring();
  }

  #ring(): void {
    Atomics.add(this.#words, word.bell, 1);
    Atomics.notify(this.#words, word.bell);
  }

  /** Log's thread: sleeps until the bell was rung again, or for so long. */
  wait(timeoutMs = Infinity): void {
    Atomics.wait(this.#words, word.bell, this.#heard, timeoutMs);
    this.#heard = Atomics.load(this.#words, word.bell);
  }

  /** Log's thread: what is in the slot, valid until `done`. */
  take(): (Omit<Append, 'batch'> & { readonly bytes: Buffer }) | undefined {
    if (Atomics.load(this.#words, word.full) === 0) return undefined;
    const [ticket = 0, lastIndex = 0, length = 0, term = 0, commit = 0, vote = noHardState] = this.#numbers;
    return {
      type: 'append',
      ticket,
      lastIndex,
      bytes: this.#slot.subarray(0, length),
      hardState:
        vote === noHardState
          ? undefined
          : { term, commit, vote: vote === noVote ? null : this.#vote.toString('utf8', 0, vote) },
    };
  }

  /** Log's thread: the slot's append is durable. */
  done(syncMs: number): void {
    this.#numbers[field.syncMs] = syncMs;
    Atomics.store(this.#words, word.full, 0);
  }

  /** Log's thread: a message was taken from the port and is carried out. */
  tookMessage(): void {
    Atomics.add(this.#words, word.taken, 1);
  }

  /** Main thread: how long the append took that was in the slot last. */
  get syncMs(): number {
    return this.#numbers[field.syncMs] ?? 0;
  }
}
