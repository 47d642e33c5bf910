/**
 * Where the log ends and what its next batch must know of those before it, in memory that the log's thread and the main
 * thread share, so that either can write the next one.
 *
 * Invariant: only one of them does at a time; the mailbox between them says whose turn it is.
 */
import type { HardState } from '@timonier/raft';
import { HardStateSlot } from './hard-state-slot.ts';
import type { LogFile } from './log-disk.ts';
import { type Position, sealBatch } from './wal-format.ts';

const field = { segment: 0, offset: 1, sequence: 2, chain: 3, lastIndex: 4, isNew: 5 } as const;
const numberBytes = 64;

export class LogTail {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Float64Array;
  readonly #hardState: HardStateSlot;

  /** Without `memory` a new one, which the other side is to be given. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(numberBytes + HardStateSlot.bytes);
    this.#numbers = new Float64Array(this.memory, 0, numberBytes / 8);
    this.#hardState = new HardStateSlot(this.memory, numberBytes);
    if (memory === undefined) this.#hardState.set(undefined);
  }

  /** Number of the segment that is written to, from 1. */
  get segment(): number {
    return this.#numbers[field.segment] ?? 0;
  }

  /** Where in it the next batch goes. */
  get offset(): number {
    return this.#numbers[field.offset] ?? 0;
  }

  /** Highest entry index the segment holds, 0 when none. */
  get lastIndex(): number {
    return this.#numbers[field.lastIndex] ?? 0;
  }

  /** Whether the segment was begun and does not repeat the hard state yet. */
  get isNew(): boolean {
    return this.#numbers[field.isNew] === 1;
  }

  /** The newest that is durable. */
  get hardState(): HardState | undefined {
    return this.#hardState.get();
  }

  /** The log goes on in this segment, which holds entries up to `lastIndex`. */
  enter(segment: number, offset: number, lastIndex: number, isNew: boolean): void {
    const numbers = this.#numbers;
    numbers[field.segment] = segment;
    numbers[field.offset] = offset;
    numbers[field.lastIndex] = lastIndex;
    numbers[field.isNew] = isNew ? 1 : 0;
  }

  /** The segment begins with what it must. */
  begun(): void {
    this.#numbers[field.isNew] = 0;
  }

  follow({ sequence, chain }: Position): void {
    this.#numbers[field.sequence] = sequence;
    this.#numbers[field.chain] = chain;
  }

  /** Writes a batch, as made by `encodeBatch`, to the segment's file. It is not synced; nothing changed when this throws. */
  write(file: LogFile, batch: Buffer): void {
    const numbers = this.#numbers;
    const sequence = numbers[field.sequence] ?? 0;
    const at = this.offset;
    const chain = sealBatch(batch, sequence, numbers[field.chain] ?? 0, at);
    file.write(batch, at);
    numbers[field.offset] = at + batch.length;
    this.follow({ sequence: sequence + 1, chain });
  }

  /** What was written is durable. */
  synced(lastIndex: number, hardState: HardState | undefined): void {
    this.#numbers[field.lastIndex] = Math.max(this.lastIndex, lastIndex);
    if (hardState !== undefined) this.#hardState.set(hardState);
  }
}
