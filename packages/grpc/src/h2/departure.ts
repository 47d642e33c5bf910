/**
 * How a connection ends in peace: the client is asked to go elsewhere, requests that were on their way are still
 * served, and the connection is closed behind the last of them.
 */
import { ErrorCode, FrameType, maxStreamId } from './protocol.ts';
import type { Sender } from './sender.ts';
import type { Sending } from './sending.ts';

const farewell = 'the server is shutting down';
/** For clients that never answer the question that goes with the first GOAWAY. */
const patienceMs = 100;

/** The streams of the connection: the highest id that was opened, and how many have not ended. */
interface Served {
  readonly last: number;
  readonly size: number;
}

export class Departure {
  /** Requests with higher ids are refused. */
  lastServed = maxStreamId;
  #state: 'open' | 'leaving' | 'left' = 'open';
  readonly #sender: Pick<Sender<Sending>, 'frame' | 'goaway'>;
  readonly #streams: () => Served;
  readonly #hangUp: () => void;

  /** `hangUp` closes the connection; it may be called when it is closed already. */
  constructor(sender: Pick<Sender<Sending>, 'frame' | 'goaway'>, streams: () => Served, hangUp: () => void) {
    this.#sender = sender;
    this.#streams = streams;
    this.#hangUp = hangUp;
  }

  begin(): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    // Requests on their way must still be served: the last stream is named only when this has been answered.
    this.#sender.goaway(maxStreamId, ErrorCode.NO_ERROR, farewell);
    this.#sender.frame(FrameType.PING, 0, 0, Buffer.from('goodbye!'));
    setTimeout(() => this.#name(), patienceMs);
  }

  /** The client has answered a PING: it has read the first GOAWAY. */
  answered(): void {
    if (this.#state === 'leaving') this.#name();
  }

  #name(): void {
    if (this.#state === 'left') return;
    this.#state = 'left';
    this.lastServed = this.#streams().last;
    this.now();
    this.ifIdle();
  }

  /** Says that nothing beyond what came so far is served. */
  now(): void {
    this.#sender.goaway(this.#streams().last, ErrorCode.NO_ERROR, farewell);
  }

  /** A stream has ended: perhaps the last one. */
  ifIdle(): void {
    if (this.#state === 'left' && this.#streams().size === 0) this.#hangUp();
  }
}
