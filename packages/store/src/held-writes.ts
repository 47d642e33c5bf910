/**
 * What waits for this member's own disk: messages that speak for something durable, and states that may be put in place
 * only once the log counts on them. Each belongs to a write of the log, by its ticket.
 *
 * Invariant: nothing is let go before everything up to its ticket is durable, and then in the order it was asked for.
 */
import type { SnapshotDescriptor } from '@timonier/raft';
import type { Outgoing } from './outbox.ts';

export interface HeldWrite {
  readonly ticket: number;
  /** What the core is told once it is durable. */
  readonly persist: { readonly index: number; readonly term: number } | undefined;
  /** Highest entry this write makes durable. */
  readonly lastIndex: number;
  readonly messages: readonly Outgoing[];
  readonly install: SnapshotDescriptor | undefined;
}

export interface Released {
  /** The newest that the core is to be told; undefined when nothing is. */
  readonly persist: HeldWrite['persist'];
  readonly messages: readonly Outgoing[];
  readonly installs: readonly SnapshotDescriptor[];
}

interface Waiting extends HeldWrite {
  lastIndex: number;
  messages: Outgoing[];
}

export class HeldWrites {
  readonly #waiting: Waiting[] = [];
  #durable: number;

  constructor(durable: number) {
    this.#durable = durable;
  }

  /** Every entry up to here is on this member's disk. */
  get durable(): number {
    return this.#durable;
  }

  /** Entries from this index on were replaced: what is on disk of them, or on its way there, is not in the log. */
  replaced(from: number): void {
    this.#durable = Math.min(this.#durable, from - 1);
    for (const write of this.#waiting) write.lastIndex = Math.min(write.lastIndex, from - 1);
  }

  add(write: HeldWrite): void {
    this.#waiting.push({ ...write, messages: [...write.messages] });
  }

  /** Lets messages wait for the newest write; false when none is under way. */
  join(messages: readonly Outgoing[]): boolean {
    const last = this.#waiting.at(-1);
    last?.messages.push(...messages);
    return last !== undefined;
  }

  /** Everything up to `ticket` is durable. */
  release(ticket: number): Released {
    let persist: HeldWrite['persist'];
    const messages: Outgoing[] = [];
    const installs: SnapshotDescriptor[] = [];
    while ((this.#waiting[0]?.ticket ?? Infinity) <= ticket) {
      const write = this.#waiting.shift();
      if (write === undefined) break;
      persist = write.persist ?? persist;
      this.#durable = Math.max(this.#durable, write.lastIndex);
      messages.push(...write.messages);
      if (write.install !== undefined) installs.push(write.install);
    }
    return { persist, messages, installs };
  }
}
