/** A client of bytes for tests: puts any frame into a connection without a socket, and reads what comes back. */
import { setImmediate as turn } from 'node:timers/promises';
import { ServerConnection } from './server-connection.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { Transport } from './output.ts';
import { Flag, FrameType, preface, putFrameHeader } from './protocol.ts';
import type { Route } from './stream.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(9);
  putFrameHeader(head, 0, body.length, type, flags, id);
  return Buffer.concat([head, body]);
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block of literals, the shape `curl` would send without compression. */
export function block(
  fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
): Buffer {
  const pairs = Array.isArray(fields) ? (fields as [string, string][]) : Object.entries(fields);
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value as string)]),
  );
}

function text(value: string): Buffer {
  if (value.length < 127) return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
  const bytes = [127];
  let rest = value.length - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...bytes, rest]), Buffer.from(value, 'latin1')]);
}

export function request(path: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'http://127.0.0.1:2379',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  };
}

export function message(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from([0]), number32(body.length), body]);
}

export class MemoryPeer implements Transport {
  readonly connection: ServerConnection;
  readonly #written: Buffer[] = [];
  writes = 0;
  /** Called when the kernel takes what was written with them. */
  readonly taken: (() => void)[] = [];
  /** What the connection thinks the kernel has not taken. */
  writableLength = 0;
  paused = false;
  ends = 0;
  destroyed = false;

  constructor(routes: ReadonlyMap<string, Route> | undefined, limits: Partial<Limits> = {}, web?: Route) {
    this.connection = new ServerConnection(
      this,
      routes,
      { ...defaultLimits, ...limits },
      'test',
      () => undefined,
      web,
    );
  }

  get ended(): boolean {
    return this.ends > 0;
  }

  /** The preface and empty SETTINGS, then these frames. */
  open(...frames: Buffer[]): void {
    this.connection.feed(Buffer.concat([preface, frame(FrameType.SETTINGS, 0, 0), ...frames]));
  }

  feed(...frames: Buffer[]): void {
    this.connection.feed(Buffer.concat(frames));
  }

  /** Headers and body of one call. */
  call(id: number, path: string, body: Buffer, more: Readonly<Record<string, string>> = {}): Buffer {
    return Buffer.concat([
      frame(FrameType.HEADERS, Flag.END_HEADERS, id, block(request(path, more))),
      frame(FrameType.DATA, Flag.END_STREAM, id, message(body)),
    ]);
  }

  write(bytes: Buffer, taken?: () => void): boolean {
    this.writes++;
    if (taken !== undefined) this.taken.push(taken);
    this.#written.push(Buffer.from(bytes));
    return true;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.ends++;
  }
  destroy(): void {
    this.destroyed = true;
  }

  /** What has come back so far, after the connection had its turns. */
  async frames(turns = 4): Promise<Frame[]> {
    for (let i = 0; i < turns; i++) await turn();
    const bytes = Buffer.concat(this.#written);
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUIntBE(at, 3);
      frames.push({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        id: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + 9, at + 9 + length),
      });
      at += 9 + length;
    }
    return frames;
  }
}
