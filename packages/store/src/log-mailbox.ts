/**
 * The way of a batch from the main thread to the log's thread: memory that both share, and a bell. A thread that
 * sleeps on the bell is woken by one futex call and finds the bytes in place; a message port costs several times as
 * much at either end, which is most of what a single small write costs.
 *
 * There is one slot, for at most one append is under way. What does not fit, and everything that is not an append,
 * goes through the port, and the bell is rung for it too. Invariant: requests are taken in the order in which they
 * were put, because the slot is used only while nothing waits in the port.
 */
import { HardStateSlot } from './hard-state-slot.ts';
import type { Append } from './log-requests.ts';

const slotBytes = 1024 * 1024;

/**
 * Places in the shared words: how often the bell was rung, whether the slot is full, how many messages were taken,
 * whether the thread opened the log.
 */
const word = { bell: 0, full: 1, taken: 2, opened: 3 } as const;
/** Places in the shared numbers. */
const field = { ticket: 0, lastIndex: 1, length: 2, syncMs: 3 } as const;
const hardStateAt = 128;
const slotAt = hardStateAt + HardStateSlot.bytes;

export class LogMailbox {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #hardState: HardStateSlot;
  readonly #slot: Buffer;
  #posted = 0;
  #heard = 0;

  /** Without `memory` a new one, which the other side is to be given. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(slotAt + slotBytes);
    this.#words = new Int32Array(this.memory, 0, 4);
    this.#numbers = new Float64Array(this.memory, 64, 8);
    this.#hardState = new HardStateSlot(this.memory, hardStateAt);
    this.#slot = Buffer.from(this.memory, slotAt, slotBytes);
  }

  /** Main thread: puts an append into the slot; false when it must go through the port. */
  put({ batch, ticket, lastIndex, hardState }: Append): boolean {
    if (batch.byteLength > slotBytes || !this.#hardState.fits(hardState) || !this.#isFree) return false;
    const numbers = this.#numbers;
    numbers[field.ticket] = ticket;
    numbers[field.lastIndex] = lastIndex;
    numbers[field.length] = batch.byteLength;
    this.#hardState.set(hardState);
    this.#slot.set(new Uint8Array(batch));
    Atomics.store(this.#words, word.full, 1);
    this.#ring();
    return true;
  }

  get #isFree(): boolean {
    return (
      Atomics.load(this.#words, word.full) === 0 && Atomics.load(this.#words, word.taken) === this.#posted
    );
  }

  /**
   * Main thread: whether the log is open and its thread has nothing to do, and so will not touch the log's tail before
   * it is asked to.
   */
  get isIdle(): boolean {
    return this.#isFree && Atomics.load(this.#words, word.opened) === 1;
  }

  /** Log's thread: its end of the log is open. */
  opened(): void {
    Atomics.store(this.#words, word.opened, 1);
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
    const [ticket = 0, lastIndex = 0, length = 0] = this.#numbers;
    return {
      type: 'append',
      ticket,
      lastIndex,
      bytes: this.#slot.subarray(0, length),
      hardState: this.#hardState.get(),
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
