/**
 * The client's end of one gRPC stream on a connection of its own, made to cost next to nothing, so that a thousand of
 * them measure the server and not themselves: no flow control to speak of, no headers decoded, messages handed on as
 * they lie in the read buffer.
 */
import { connect, type Socket } from 'node:net';
import type { Call } from './calls.ts';

const frameHeader = 9;
const type = { data: 0, headers: 1, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const ack = 1;
const endStream = 1;
const endHeaders = 4;
const streamId = 1;
/** Shared: a read is taken in before the next one happens. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

function frame(kind: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeader);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Requests for windows as wide as there are, once and for all. */
function opening(path: string, authority: string): Buffer {
  const initialWindow = Buffer.concat([Buffer.from([0, 4]), number(2 ** 31 - 1)]);
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]), // POST, http, then a path
    text(path),
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x0f, 0x10]),
    text('application/grpc'),
    Buffer.from([0x00]),
    text('te'),
    text('trailers'),
  ]);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(type.settings, 0, 0, initialWindow),
    frame(type.windowUpdate, 0, 0, number(2 ** 31 - 1 - 65_535)),
    frame(type.headers, endHeaders, streamId, block),
  ]);
}

export class RawStream {
  readonly #socket: Socket;
  readonly #onMessage: (bytes: Buffer, start: number, end: number) => void;
  readonly #onEnd: (error: Error) => void;
  /** The beginning of a frame whose rest has not come. */
  #rest: Buffer | undefined;
  /** The beginning of a message that goes on in another frame. */
  #message: Buffer | undefined;
  #closed = false;

  constructor(
    endpoint: string,
    path: string,
    onMessage: (bytes: Buffer, start: number, end: number) => void,
    onEnd: (error: Error) => void,
  ) {
    const { hostname, port, host } = new URL(endpoint);
    this.#onMessage = onMessage;
    this.#onEnd = onEnd;
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          try {
            this.#feed(readBuffer, length);
          } catch (error) {
            // Thrown from here it would end the process, and leave the stores behind.
            this.#end(error instanceof Error ? error : new Error(String(error)));
          }
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the server closed the connection')));
    this.#socket.write(opening(path, host));
  }

  /** Queues messages. */
  send(messages: readonly Call['message'][]): void {
    const parts = messages.map((message) =>
      Buffer.concat([Buffer.from([0]), number(message.length), message]),
    );
    this.#socket.write(frame(type.data, 0, streamId, Buffer.concat(parts)));
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #end(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#onEnd(error);
  }

  #feed(chunk: Buffer, length: number): void {
    let bytes = chunk;
    let end = length;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
      end = bytes.length;
      this.#rest = undefined;
    }
    let at = 0;
    while (end - at >= frameHeader) {
      const next = at + frameHeader + bytes.readUIntBE(at, 3);
      if (next > end) break;
      this.#frame(bytes, at, next);
      at = next;
    }
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at, end));
  }

  #frame(bytes: Buffer, at: number, end: number): void {
    const kind = bytes[at + 3];
    const flags = bytes[at + 4] ?? 0;
    const start = at + frameHeader;
    if (kind === type.data) this.#data(bytes, start, end);
    else if (kind === type.settings && (flags & ack) === 0)
      this.#socket.write(frame(type.settings, ack, 0, Buffer.alloc(0)));
    else if (kind === type.ping && (flags & ack) === 0)
      this.#socket.write(frame(type.ping, ack, 0, Buffer.from(bytes.subarray(start, end))));
    else if (kind === type.goaway || (kind === type.headers && (flags & endStream) !== 0))
      this.#end(new Error('the server ended the stream'));
  }

  #data(bytes: Buffer, from: number, to: number): void {
    let at = from;
    let end = to;
    if (this.#message !== undefined) {
      bytes = Buffer.concat([this.#message, bytes.subarray(at, end)]);
      at = 0;
      end = bytes.length;
      this.#message = undefined;
    }
    while (end - at >= 5) {
      const next = at + 5 + bytes.readUInt32BE(at + 1);
      if (next > end) break;
      this.#onMessage(bytes, at + 5, next);
      at = next;
    }
    if (at < end) this.#message = Buffer.from(bytes.subarray(at, end));
  }
}

/** How often a field of length-delimited values occurs in a message, without looking into it. */
export function countField(bytes: Buffer, start: number, end: number, wanted: number): number {
  let count = 0;
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 2) {
      if (tag >>> 3 === wanted) count++;
      const length = varint();
      at += length;
    } else if (wire === 0) {
      if (tag >>> 3 === wanted) count++;
      varint();
    } else throw new Error(`a field of wire type ${wire} was not expected`);
  }
  return count;
}
