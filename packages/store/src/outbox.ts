/**
 * Messages of the consensus core on their way to other members: encoded, with what the host adds about time, and an
 * append only once for all followers that are equally far.
 */
import type { Message, NodeId } from '@timonier/raft';
import type { Clock } from './clock.ts';
import type { Pace } from './pace.ts';
import { encodeFrame } from './peer-wire.ts';
import { toWire, type WireMessage } from './raft-wire.ts';

type Append = Extract<Message, { type: 'append' }>;

/** Dressed when the core asks for it, not when it leaves: what it promises counts from then. */
export interface Outgoing {
  readonly message: Message;
  readonly wire: WireMessage;
}

export interface OutboxOptions {
  readonly pace: Pace;
  /** For how long a member that hears of a leader now stays loyal, and may say so. */
  readonly promiseMs: () => number;
  readonly send: (to: NodeId, bytes: Buffer) => boolean;
  readonly clock: Pick<Clock, 'now' | 'after'>;
}

/** For so long news of a commit waits for a message that carries it along. */
const companyMs = 3;
/** For so long after `hasten` it does not. */
const hasteMs = 100;

export class Outbox {
  readonly #o: OutboxOptions;
  #lastAppend: { readonly message: Append; readonly bytes: Buffer } | undefined;
  readonly #news = new Map<NodeId, { readonly outgoing: Outgoing; readonly since: number }>();
  #waiting = false;
  readonly #hasty = new Map<NodeId, number>();

  constructor(options: OutboxOptions) {
    this.#o = options;
  }

  dress(message: Message): Outgoing {
    const wire = toWire(message);
    if (message.type === 'heartbeat-response') wire.loyalMs = this.#o.promiseMs();
    else if (message.type === 'heartbeat') {
      this.#o.pace.asked(message.round, this.#o.clock.now());
      wire.delayMs = Math.ceil(this.#o.pace.delayMs);
    }
    return { message, wire };
  }

  /**
   * False when it was dropped. News of a commit alone wakes a follower that has nothing to do with it yet, and under
   * load the next append tells the same: so it waits for that, though not for long.
   */
  send(outgoing: Outgoing): boolean {
    const { message, wire } = outgoing;
    switch (message.type) {
      case 'commit':
        if ((this.#hasty.get(message.to) ?? 0) > this.#o.clock.now()) break;
        this.#news.set(message.to, { outgoing, since: this.#o.clock.now() });
        this.#wait(companyMs);
        return true;
      case 'append':
        if ((this.#news.get(message.to)?.outgoing.wire.commit ?? Infinity) <= message.commit)
          this.#news.delete(message.to);
        return this.#o.send(message.to, this.#encode(message, wire));
      case 'read-index-response':
        // Readers there wait for what they were told is committed.
        this.#tell(message.to);
    }
    return this.#o.send(message.to, encode(wire));
  }

  /** A member waits for commits: for a while it hears of each at once. */
  hasten(to: NodeId): void {
    this.#hasty.set(to, this.#o.clock.now() + hasteMs);
  }

  #tell(to: NodeId): void {
    const news = this.#news.get(to);
    if (news === undefined) return;
    this.#news.delete(to);
    this.#o.send(to, encode(news.outgoing.wire));
  }

  /** One timer, which is not touched when news is overtaken: it looks again later what is still there. */
  #wait(ms: number): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#o.clock.after(ms, () => {
      this.#waiting = false;
      const now = this.#o.clock.now();
      let rest = Infinity;
      for (const [to, { since }] of this.#news) {
        const left = since + companyMs - now;
        if (left < 0.5) this.#tell(to);
        else rest = Math.min(rest, left);
      }
      if (rest !== Infinity) this.#wait(Math.ceil(rest));
    });
  }

  #encode(message: Append, wire: WireMessage): Buffer {
    if (this.#lastAppend !== undefined && sameBytes(this.#lastAppend.message, message))
      return this.#lastAppend.bytes;
    const bytes = encode(wire);
    this.#lastAppend = message.entries.length === 0 ? undefined : { message, bytes };
    return bytes;
  }
}

/** Within a term a leader's log only grows, so that the same place and number mean the same entries. */
function sameBytes(a: Append, b: Append): boolean {
  return (
    a.term === b.term &&
    a.prevIndex === b.prevIndex &&
    a.prevTerm === b.prevTerm &&
    a.commit === b.commit &&
    a.entries.length === b.entries.length
  );
}

function encode(wire: WireMessage): Buffer {
  return encodeFrame({ raft: { messages: [wire] } });
}
