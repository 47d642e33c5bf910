/**
 * For tests: a service with every sort of call, frames that ask it for something, and what the frames that come back say.
 */
import type { Codec } from '../codec.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { block, type Frame, frame, message, request } from './memory-peer.ts';
import { Flag, FrameType } from './protocol.ts';
import type { Route, Stream } from './stream.ts';

const bytes: Codec<{ value: Buffer }> = {
  encode: ({ value }) => value,
  decode: (value) => ({ value }),
};
const codec = bytes as unknown as Codec;
function method(name: string, requestStream: boolean, responseStream: boolean): Route['method'] {
  return { name, path: `/t.T/${name}`, requestStream, responseStream, request: codec, response: codec };
}
const none = { unary: undefined, serverStream: undefined, bidi: undefined };

/** Echo, a call that never answers, a stream that answers 400 KB, and an echo in both directions. */
export function service(): { routes: Map<string, Route>; calls: Stream[] } {
  const calls: Stream[] = [];
  const routes: Route[] = [
    { ...none, method: method('Echo', false, false), unary: (value) => value },
    {
      ...none,
      method: method('Hang', false, false),
      unary: (_value, call) => {
        calls.push(call as Stream);
        return new Promise<object>((resolve) => {
          call.signal.addEventListener('abort', () => resolve({ value: Buffer.alloc(0) }));
        });
      },
    },
    {
      ...none,
      method: method('Deaf', false, false),
      unary: (_value, call) => {
        calls.push(call as Stream);
        return new Promise<object>(() => undefined);
      },
    },
    {
      ...none,
      method: method('Ignore', true, true),
      bidi: (call) => {
        calls.push(call as unknown as Stream);
        return new Promise<void>((resolve) => {
          call.signal.addEventListener('abort', () => resolve());
        });
      },
    },
    {
      ...none,
      method: method('Large', false, true),
      serverStream: async (_value, call) => {
        calls.push(call as unknown as Stream);
        for (let i = 0; i < 40 && !call.signal.aborted; i++)
          if (!call.write({ value: Buffer.alloc(10_000, i) })) await call.drained();
      },
    },
    {
      ...none,
      method: method('Chat', true, true),
      bidi: async (call) => {
        calls.push(call as unknown as Stream);
        for await (const value of call.requests) call.write(value);
      },
    },
  ];
  return { routes: new Map(routes.map((route) => [route.method.path, route])), calls };
}

export const goawayCode = (frames: readonly Frame[]): number | undefined =>
  frames.findLast(({ type }) => type === FrameType.GOAWAY)?.payload.readUInt32BE(4);
export const resets = (frames: readonly Frame[]): Record<number, number> =>
  Object.fromEntries(
    frames
      .filter(({ type }) => type === FrameType.RST_STREAM)
      .map(({ id, payload }) => [id, payload.readUInt32BE(0)]),
  );

/** Headers by stream, the later ones over the earlier, as one record. */
export function answers(frames: readonly Frame[]): Record<number, Record<string, string>> {
  const decoder = new HpackDecoder(4096, 65_536);
  const all: Record<number, Record<string, string>> = {};
  for (const { type, id, payload } of frames) {
    if (type !== FrameType.HEADERS) continue;
    const fields = decoder.decode(payload, 0, payload.length);
    const record = (all[id] ??= {});
    for (let i = 0; i < fields.length; i += 2) record[fields[i] ?? ''] = fields[i + 1] ?? '';
  }
  return all;
}

export const dataOf = (frames: readonly Frame[], id: number): Buffer =>
  Buffer.concat(frames.filter((f) => f.type === FrameType.DATA && f.id === id).map(({ payload }) => payload));

export const end = Flag.END_STREAM;
export const whole = Flag.END_HEADERS;
export const echoBlock = block(request('/t.T/Echo'));
export const chatBlock = block(request('/t.T/Chat'));
export const hello = message('hello');
export const openEcho = frame(FrameType.HEADERS, whole, 1, echoBlock);
export const openChat = frame(FrameType.HEADERS, whole, 1, chatBlock);
export const setting = (name: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(name);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};

export function many(count: number, make: (i: number) => Buffer): Buffer[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
