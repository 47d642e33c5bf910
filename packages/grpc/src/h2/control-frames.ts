/**
 * Frames that carry no message: windows, settings, pings and the ends of streams and connections, each checked as
 * RFC 9113 asks.
 */
import { mustBeOpened, type PeerNews, type StreamTable } from './connection-side.ts';
import { broken, ErrorCode, Flag, FrameType, maxStreamId, maxWindow, Setting } from './protocol.ts';
import type { Sender } from './sender.ts';
import type { Sending } from './sending.ts';
import { readInitialWindow, readSetting } from './settings.ts';

const none = Buffer.alloc(0);

export class ControlFrames<S extends Sending> {
  readonly #sender: Sender<S>;
  readonly #streams: StreamTable<S>;
  readonly #news: PeerNews;

  constructor(sender: Sender<S>, streams: StreamTable<S>, news: PeerNews) {
    this.#sender = sender;
    this.#streams = streams;
    this.#news = news;
  }

  windowUpdate(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${length} bytes`);
    const increment = bytes.readUInt32BE(start) & maxWindow;
    this.#news.widened();
    if (id === 0) {
      if (increment === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.#sender.widen(increment);
      return;
    }
    mustBeOpened(this.#streams, id, 'WINDOW_UPDATE');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (increment === 0) this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
    else if (!this.#sender.widenStream(stream, increment))
      this.#streams.reset(id, ErrorCode.FLOW_CONTROL_ERROR, 'a stream window wider than 2^31 - 1');
  }

  rstStream(bytes: Buffer, start: number, length: number, id: number): void {
    if (length !== 4) throw broken(ErrorCode.FRAME_SIZE_ERROR, `RST_STREAM of ${length} bytes`);
    mustBeOpened(this.#streams, id, 'RST_STREAM');
    this.#news.idle();
    this.#streams.ended(id, bytes.readUInt32BE(start));
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
    const streams = readSetting(bytes, start, length, Setting.MAX_CONCURRENT_STREAMS);
    if (streams !== undefined) this.#news.allows(streams);
  }

  ping(bytes: Buffer, start: number, length: number, flags: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `PING on stream ${id}`);
    if (length !== 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `PING of ${length} bytes`);
    if ((flags & Flag.ACK) !== 0) {
      this.#news.pong();
      return;
    }
    this.#sender.frame(FrameType.PING, Flag.ACK, 0, Buffer.from(bytes.subarray(start, start + 8)));
  }

  goaway(bytes: Buffer, start: number, length: number, id: number): void {
    if (id !== 0) throw broken(ErrorCode.PROTOCOL_ERROR, `GOAWAY on stream ${id}`);
    if (length < 8) throw broken(ErrorCode.FRAME_SIZE_ERROR, `GOAWAY of ${length} bytes`);
    this.#news.leaves(bytes.readUInt32BE(start) & maxStreamId, bytes.readUInt32BE(start + 4));
  }

  priority(bytes: Buffer, start: number, length: number, id: number): void {
    if (id === 0) throw broken(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0');
    if (length !== 5) this.#streams.reset(id, ErrorCode.FRAME_SIZE_ERROR, `PRIORITY of ${length} bytes`);
    else if ((bytes.readUInt32BE(start) & maxStreamId) === id)
      this.#streams.reset(id, ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
  }
}
