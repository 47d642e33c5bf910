/**
 * One end of a SPDY/3.1 session over any byte stream: hands over the streams that the other end opens, and opens some
 * of its own.
 *
 * The programs that speak it with us have no flow control of their own, and neither has this: a stream that nobody reads
 * stops the whole session once its buffer is full, and so do all of them together before each is, and an end that asks for answers and
 * does not read them. Streams are bounded in number, buffers in size.
 */
import { Duplex } from 'node:stream';
import {
  controlFrame,
  dataFrame,
  FrameCutter,
  frameType,
  HeaderCoder,
  numbers,
  resetStatus,
  type SpdyFrame,
} from './spdy-frames.ts';
import { fitToWait } from './waiting.ts';

const maxStreams = 512;
const maxDataBytes = 32 * 1024;
const bufferBytes = 512 * 1024;
/** What waits for its readers in all streams together. */
const maxHeldBytes = 4 * 1024 * 1024;
/** What a frame costs that waits, beside its bytes. */
const frameCost = 128;
const pingBytes = 4;
/** Answers to what the other end has said, such as its pings, that may wait for it to read. */
const maxReplies = 1_024;

export class SpdyStream extends Duplex {
  readonly id: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly #session: SpdySession;
  #inputEnded = false;
  /** Frames that came since there was nothing to read. */
  #frames = 0;
  #heldBytes = 0;

  constructor(session: SpdySession, id: number, headers: ReadonlyMap<string, string>) {
    super({ allowHalfOpen: true, highWaterMark: bufferBytes });
    this.#session = session;
    this.id = id;
    this.headers = headers;
    // Without a listener, a reset by the other end would end the process.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#session.drained(this.id);
  }

  override read(size?: number): unknown {
    const taken: unknown = super.read(size);
    this.#count();
    return taken;
  }

  /** The other end said something. False when that is enough until it was read. */
  receive(payload: Buffer): boolean {
    this.#frames++;
    const isWanted = this.push(fitToWait(this, payload));
    this.#count();
    return isWanted;
  }

  #count(): void {
    // Who listens is told at once.
    if (this.readableLength === 0) this.#frames = 0;
    const heldBytes = this.destroyed ? 0 : this.readableLength + this.#frames * frameCost;
    this.#session.holds(heldBytes - this.#heldBytes);
    this.#heldBytes = heldBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (let at = 0; at + maxDataBytes < chunk.length; at += maxDataBytes)
      this.#session.send(dataFrame(this.id, chunk.subarray(at, at + maxDataBytes), false));
    const last = chunk.subarray(chunk.length - (chunk.length % maxDataBytes || maxDataBytes));
    this.#session.send(dataFrame(this.id, last, false), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    // A session that has ended needs no farewell, and failing here would throw away what was not read yet.
    this.#session.send(dataFrame(this.id, Buffer.alloc(0), true), () => done());
  }

  /** The other end said its last. */
  inputEnded(): void {
    if (!this.#inputEnded) this.push(null);
    this.#inputEnded = true;
  }

  /** Nothing comes any more and nothing is wanted; what arrived can still be read. */
  bothEnded(): void {
    this.inputEnded();
    this.end();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const whole = this.readableEnded && this.writableFinished;
    this.#count();
    this.#session.forget(this.id, !whole);
    done(error);
  }
}

export class SpdySession {
  readonly #transport: Duplex;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #full = new Set<number>();
  readonly #coder = new HeaderCoder();
  #resume: (() => void) | undefined;
  #replies = 0;
  #heldBytes = 0;
  /** Whoever dialled opens odd ones. */
  #nextId = 1;

  constructor(transport: Duplex) {
    this.#transport = transport;
  }

  /**
   * Opens a stream, for the end that dialled. One at a time: header blocks build on each other. Bytes may be written at
   * once; an end that refuses the stream resets it.
   */
  async open(headers: ReadonlyMap<string, string>): Promise<SpdyStream> {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const block = await this.#coder.encode(headers);
    const priority = Buffer.alloc(2);
    this.send(controlFrame(frameType.synStream, Buffer.concat([numbers(id, 0), priority, block])));
    return stream;
  }

  /** Serves until the other end leaves. Rejects when it breaks the protocol; every stream has ended then. */
  async run(onStream: (stream: SpdyStream) => void): Promise<void> {
    let broken: unknown;
    try {
      broken = await this.#serve(onStream);
    } catch {
      // A connection that breaks off: runtimes hang up like that as soon as a command has ended.
    }
    for (const stream of this.#streams.values()) {
      // What arrived may still be waiting for its reader.
      if (broken === undefined) stream.bothEnded();
      else stream.destroy();
    }
    this.#streams.clear();
    this.#coder.close();
    this.#transport.destroy();
    if (broken !== undefined) throw broken;
  }

  /** Resolves with the breach of protocol that ended it, if it was one; rejects when the connection fails. */
  async #serve(onStream: (stream: SpdyStream) => void): Promise<unknown> {
    const cutter = new FrameCutter();
    for await (const bytes of this.#transport as AsyncIterable<Buffer>) {
      try {
        for (const frame of cutter.push(bytes)) {
          await this.#receive(frame, onStream);
          while (this.#mustWait() && !this.#transport.destroyed) await this.#room();
        }
      } catch (error) {
        return error;
      }
    }
    return undefined;
  }

  #mustWait(): boolean {
    return this.#full.size > 0 || this.#replies > maxReplies || this.#heldBytes > maxHeldBytes;
  }

  /** Resolves when there may be room, or never will be. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#resume = undefined;
        this.#transport.off('close', done);
        resolve();
      };
      this.#resume = done;
      this.#transport.once('close', done);
    });
  }

  /** What waits for its reader became more or less. */
  holds(change: number): void {
    this.#heldBytes += change;
    this.#taken();
  }

  #taken(): void {
    if (this.#resume !== undefined && !this.#mustWait()) this.#resume();
  }

  /** What the other end has asked for. */
  #reply(frame: Buffer): void {
    this.#replies++;
    this.send(frame, () => {
      this.#replies--;
      this.#taken();
    });
  }

  send(frame: Buffer, done: (error?: Error | null) => void = () => undefined): void {
    if (this.#transport.writable) this.#transport.write(frame, done);
    else done(new Error('the session has ended'));
  }

  drained(id: number): void {
    if (this.#full.delete(id)) this.#taken();
  }

  forget(id: number, early: boolean): void {
    const isKnown = this.#streams.delete(id);
    this.drained(id);
    if (isKnown && early) this.#reset(id, resetStatus.cancel);
  }

  #reset(id: number, status: number): void {
    this.#reply(controlFrame(frameType.reset, numbers(id, status)));
  }

  async #receive(frame: SpdyFrame, onStream: (stream: SpdyStream) => void): Promise<void> {
    const { payload } = frame;
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.stream);
      if (stream === undefined) return;
      if (payload.length > 0 && !stream.receive(payload)) this.#full.add(frame.stream);
      if (frame.fin) stream.inputEnded();
      return;
    }
    if (frame.type === frameType.synStream) await this.#accept(payload, frame.fin, onStream);
    // Nothing is in it for us, but later header blocks build on it.
    else if (frame.type === frameType.synReply) await this.#coder.decode(payload.subarray(4));
    else if (frame.type === frameType.ping) this.#answer(payload);
    else if (frame.type === frameType.reset) this.#wasReset(payload.readUInt32BE(0), payload.readUInt32BE(4));
    // Settings, windows and farewells ask for nothing here.
  }

  #answer(ping: Buffer): void {
    if (ping.length !== pingBytes) throw new Error(`a SPDY ping of ${ping.length} bytes`);
    this.#reply(controlFrame(frameType.ping, ping));
  }

  #wasReset(id: number, status: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    // Runtimes cancel every stream of a command that has ended, right behind its outcome.
    if (status === resetStatus.cancel) stream?.bothEnded();
    else stream?.destroy(new Error('the other end reset the stream'));
  }

  async #accept(payload: Buffer, fin: boolean, onStream: (stream: SpdyStream) => void): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fff_ffff;
    // Two numbers, then priority and slot, then the headers. They are decoded in any case: later ones build on them.
    const headers = await this.#coder.decode(payload.subarray(10));
    if (this.#streams.has(id) || this.#streams.size >= maxStreams) {
      this.#reset(id, this.#streams.has(id) ? resetStatus.protocolError : resetStatus.refused);
      return;
    }
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    if (fin) stream.inputEnded();
    const reply = await this.#coder.encode(new Map());
    this.#reply(controlFrame(frameType.synReply, Buffer.concat([numbers(id), reply])));
    onStream(stream);
  }
}
