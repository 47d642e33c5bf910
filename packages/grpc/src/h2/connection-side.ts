/**
 * In what the two ends of a connection differ: what each does with its streams, with what messages are made of, and with
 * the other side's words about the connection. What they have in common is frame-engine.ts.
 */
import { broken, ErrorCode } from './protocol.ts';

/** The streams of a connection, as rules and control frames concern them. */
export interface StreamTable<S> {
  /** The highest id that the client opened a stream with. */
  readonly last: number;
  get(id: number): S | undefined;
  /** Those that have not ended. */
  values(): Iterable<S>;
  /** The peer broke a rule that concerns this stream alone. */
  reset(id: number, code: ErrorCode, why: string): void;
  /** The peer sent RST_STREAM. */
  ended(id: number, code: number): void;
}

/** Takes what messages are made of. Nothing of `bytes` may be kept without copying it. */
export interface Payloads {
  /** Of a DATA frame of a stream that was opened. `counted` bytes of the windows were used for it, padding included. */
  data(bytes: Buffer, start: number, end: number, counted: number, id: number, endStream: boolean): void;
  /** A whole header block, still encoded. It must be decoded whatever becomes of its stream. */
  headerBlock(bytes: Buffer, start: number, end: number, id: number, endStream: boolean): void;
}

/** What the peer says about the connection. */
export interface PeerNews {
  /** A frame that makes work and carries none. Throws when there were too many. */
  idle(): void;
  /** It makes room for more. Throws when it did so too often for what it was sent. */
  widened(): void;
  /** It has answered a PING. */
  pong(): void;
  /** It takes so many streams at a time. */
  allows(streams: number): void;
  /** It looked at no stream with a higher id than this, and wants no more, for this reason. */
  leaves(last: number, code: number): void;
}

/** Throws when a frame is on a stream that never was. */
export function mustBeOpened(streams: Pick<StreamTable<unknown>, 'last'>, id: number, frame: string): void {
  if (id > streams.last || id % 2 === 0)
    throw broken(ErrorCode.PROTOCOL_ERROR, `${frame} on stream ${id}, which was never opened`);
}
