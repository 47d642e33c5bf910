/**
 * Messages of the consensus core on their way to other members: encoded, with what the host adds about time, and an
 * append only once for all followers that are equally far.
 */
import type { Message, NodeId } from '@timonier/raft';
import type { Pace } from './pace.ts';
import { encodeFrame, toWire, type WireMessage } from './peer-wire.ts';

type Append = Extract<Message, { type: 'append' }>;

/** Dressed when the core asks for it, not when it leaves: what it promises counts from then. */
export interface Outgoing {
  readonly message: Message;
  readonly wire: WireMessage;
}

export class Outbox {
  readonly #pace: Pace;
  readonly #promiseMs: () => number;
  readonly #send: (to: NodeId, bytes: Buffer) => boolean;
  readonly #now: () => number;
  #lastAppend: { readonly message: Append; readonly bytes: Buffer } | undefined;

  /** `promiseMs`: for how long a member that hears of a leader now stays loyal, and may say so. */
  constructor(
    pace: Pace,
    promiseMs: () => number,
    send: (to: NodeId, bytes: Buffer) => boolean,
    now: () => number,
  ) {
    this.#now = now;
    this.#pace = pace;
    this.#promiseMs = promiseMs;
    this.#send = send;
  }

  dress(message: Message): Outgoing {
    const wire = toWire(message);
    if (message.type === 'heartbeat-response') wire.loyalMs = this.#promiseMs();
    else if (message.type === 'heartbeat') {
      wire.delayMs = Math.ceil(this.#pace.delayMs);
      this.#pace.asked(message.round, this.#now());
    }
    return { message, wire };
  }

  /** False when it was dropped. */
  send({ message, wire }: Outgoing): boolean {
    return this.#send(message.to, message.type === 'append' ? this.#encode(message, wire) : encode(wire));
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
