/**
 * Frames that carry no request: windows, settings, pings and the ends of streams, each checked as RFC 9113 asks.
 */
import type { Departure } from './departure.ts';
import { broken, ErrorCode, Flag, FrameType, maxStreamId, maxWindow } from './protocol.ts';
import type { Sender } from './sender.ts';
import { readInitialWindow } from './settings.ts';
import type { Streams } from './streams.ts';

const none = Buffer.alloc(0);

export class ControlFrames {
  readonly #sender: Sender;
  readonly #streams: Streams;
  readonly #departure: Departure;
  readonly #spend: () => void;

  constructor(sender: Sender, streams: Streams, departure: Departure, spend: () => void) {
    this.#sender = sender;
    this.#streams = streams;
    this.#departure = departure;
    this.#spend = spend;
  }

  windowUpdate(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${length} bytes`);
    const increment = bytes.readUInt32BE(start) & maxWindow;
    this.#spend();
    if (id === 0) {
      if (increment === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.#sender.widen(increment);
      return;
    }
    this.#streams.mustHaveBeen(id, 'WINDOW_UPDATE');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
    else if (!this.#sender.widenStream(stream, increment))
      this.#streams.reset(id, ErrorCode.FLOW_CONTROL_ERROR);
  }

  rstStream(length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `RST_STREAM of ${length} bytes`);
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on stream 0');
    this.#streams.mustHaveBeen(id, 'RST_STREAM');
    this.#spend();
    this.#streams.forget(id);
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#streams.drop(stream);
  }

  settings(bytes: Buffer, start: number, length: number, flags: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `SETTINGS on stream ${id}`);
    if ((flags & Flag.ACK) !== 0) {
      if (length !== 0) throw broken(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS acknowledgement with a payload');
      return;
    }
    const sender = this.#sender;
    const initialWindow = readInitialWindow(bytes, start, length) ?? sender.initialWindow;
    const change = initialWindow - sender.initialWindow;
    sender.initialWindow = initialWindow;
    sender.frame(FrameType.SETTINGS, Flag.ACK, 0, none);
    // Once, whatever the frame says how often: each change visits every stream.
    if (change !== 0)
      for (const stream of this.#streams.values())
        if (!sender.widenStream(stream, change))
          throw broken(ErrorCode.FLOW_CONTROL_ERROR, 'a stream window is wider than 2^31 - 1');
  }

  ping(bytes: Buffer, start: number, length: number, flags: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `PING on stream ${id}`);
    if (length !== 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `PING of ${length} bytes`);
    if ((flags & Flag.ACK) !== 0) {
      this.#departure.answered();
      return;
    }
    this.#sender.frame(FrameType.PING, Flag.ACK, 0, Buffer.from(bytes.subarray(start, start + 8)));
  }

  goaway(length: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `GOAWAY on stream ${id}`);
    if (length < 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `GOAWAY of ${length} bytes`);
  }

  priority(bytes: Buffer, start: number, length: number, id: number): void {
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0');
    if (length !== 5) this.#streams.reset(id, ErrorCode.FRAME_SIZE_ERROR);
    else if ((bytes.readUInt32BE(start) & maxStreamId) === id)
      this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR);
  }
}
