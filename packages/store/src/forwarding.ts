/**
 * Batches of requests on their way to the leader, wherever it is: proposed here while this member leads, sent to the
 * leader otherwise; and what others sent here, proposed for them.
 *
 * Invariant: a batch is proposed only in the term for which it was submitted, so that it is never proposed twice.
 */
import { PassingMap } from '@timonier/component/passing';
import type { NodeId } from '@timonier/raft';
import type { RaftHost } from './host.ts';
import type { PeerFrame } from './peer-wire.ts';

export interface ForwardingOptions {
  readonly host: () => RaftHost;
  /** False when the frame was dropped. */
  readonly send: (to: NodeId, frame: PeerFrame) => boolean;
  /** The leader did not take a batch that was submitted in `term`; trying again is safe. */
  readonly refused: (id: number, term: number) => void;
}

interface Origin {
  readonly from: NodeId | undefined;
  readonly id: number;
  readonly term: number;
}

/** Only the newest can still be refused: refusals are synchronous. */
const maxContexts = 1_024;

export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #contexts = new PassingMap<number, Origin>();
  #nextContext = 1;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  /** Hands a batch of this member to the leader, and says in which term; undefined when that is not possible now. */
  submit(id: number, data: Buffer): number | undefined {
    const host = this.#options.host();
    const { role, leader, term } = host;
    if (role === 'leader') {
      const context = this.#context({ from: undefined, id, term });
      // The answer to a refusal looks for the batch, which is on record only after this returns.
      queueMicrotask(() => host.step({ type: 'propose', entries: [{ data }], context }));
      return term;
    }
    if (leader === null) return undefined;
    return this.#options.send(leader, { forward: { id, data, term } }) ? term : undefined;
  }

  /** A batch of another member arrived. */
  received(from: NodeId, { id, data, term }: NonNullable<PeerFrame['forward']>): void {
    const host = this.#options.host();
    if (host.role !== 'leader' || host.term !== term) {
      this.#options.send(from, { forwardRefused: { id, term } });
      return;
    }
    host.hasten(from);
    host.step({ type: 'propose', entries: [{ data }], context: this.#context({ from, id, term }) });
  }

  /** The core did not take what was proposed with this context. */
  dropped(context: number): void {
    const origin = this.#contexts.get(context);
    if (origin === undefined) return;
    this.#contexts.delete(context);
    if (origin.from === undefined) this.#options.refused(origin.id, origin.term);
    else this.#options.send(origin.from, { forwardRefused: { id: origin.id, term: origin.term } });
  }

  #context(origin: Origin): number {
    const context = this.#nextContext++;
    this.#contexts.set(context, origin);
    if (this.#contexts.size > maxContexts) {
      const oldest = this.#contexts.keys().next().value;
      if (oldest !== undefined) this.#contexts.delete(oldest);
    }
    return context;
  }
}
