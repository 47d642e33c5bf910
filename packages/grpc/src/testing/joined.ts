/** For tests: a client's and a server's end of one connection on a simulated network, and handlers that do as the path says. */
import { setImmediate as turn } from 'node:timers/promises';
import type { WebCall } from '../calls.ts';
import type { Codec } from '../codec.ts';
import { GrpcError, Status } from '../error.ts';
import { ClientConnection, clientLimits } from '../h2/client-connection.ts';
import { defaultLimits, type Limits } from '../h2/limits.ts';
import { ServerConnection } from '../h2/server-connection.ts';
import type { Route } from '../h2/stream.ts';
import { webRoute } from '../h2/web.ts';
import { pick, type Random, SimulatedSocket } from './simulated-socket.ts';

/** How a call fails that the server certainly did not look at. */
export const unseen = 'not looked at';

const bytesCodec = { encode: (value: Buffer) => value, decode: (value: Buffer) => value } as unknown as Codec;
const none = { unary: undefined, serverStream: undefined, bidi: undefined };
const method = (name: string, streams: boolean): Route['method'] => ({
  name,
  path: `/t.T/${name}`,
  requestStream: streams,
  responseStream: streams,
  request: bytesCodec,
  response: bytesCodec,
});
const routes = new Map(
  (
    [
      { ...none, method: method('Echo', false), unary: (value) => Promise.resolve(value) },
      {
        ...none,
        method: method('Chat', true),
        bidi: async (call) => {
          for await (const message of call.requests) if (!call.write(message)) await call.drained();
        },
      },
    ] satisfies Route[]
  ).map((route): [string, Route] => [route.method.path, route]),
);

/** What a handler is told in the path: how it reads, and how much it answers in which pieces. */
function webServer(random: Random, handlers: { running: number }): Route {
  const serve = async (call: WebCall): Promise<void> => {
    const query = new URL(call.path, 'https://a').searchParams;
    const [size, piece] = [Number(query.get('size')), Number(query.get('piece'))];
    const idle = async (): Promise<void> => {
      for (let i = random(4); i > 0; i--) await turn();
    };
    call.respond(200, { 'x-padding': 'p'.repeat(Number(query.get('head'))) });
    switch (query.get('do')) {
      case 'echo':
        for await (const chunk of call.body) {
          await idle();
          if (!call.send(chunk)) await call.drained();
        }
        call.end();
        return;
      case 'read':
        for await (const _chunk of call.body) await idle();
        break;
      case 'ignore':
        call.end(Buffer.alloc(size));
        return;
    }
    for (let sent = 0; sent < size && !call.gone; sent += piece) {
      await idle();
      const bytes = Buffer.alloc(Math.min(piece, size - sent), sent);
      if (sent + piece >= size && random(2) === 0) call.end(bytes);
      else if (!call.send(bytes)) await call.drained();
    }
    call.end();
  };
  return webRoute(async (call) => {
    handlers.running++;
    await serve(call).finally(() => handlers.running--);
  }, true);
}

/** A connection with both its ends. */
export interface Joined {
  readonly server: ServerConnection;
  readonly client: ClientConnection;
  /** The server's socket and the client's. */
  readonly at: SimulatedSocket;
  readonly from: SimulatedSocket;
  readonly handlers: { running: number };
  /** Some of what the network has to do. False when it has nothing. */
  readonly move: () => boolean;
}

/** A connection, and what is on its way. */
export function join(random: Random, longHeads: boolean): Joined {
  const encrypted = random(2) === 0;
  const wireBytes = pick(random, [3_000, 20_000, 200_000]);
  const limits: Limits = {
    ...defaultLimits,
    streamWindow: pick(random, [65_535, 64 * 1024, 256 * 1024]),
    connectionWindow: pick(random, [65_535, 1024 * 1024]),
    streamQueueBytes: pick(random, [1, 10_000, 64 * 1024]),
    socketBytes: pick(random, [64 * 1024, 256 * 1024]),
    pauseBytes: 320 * 1024,
    maxConcurrentStreams: pick(random, [3, 1_000]),
    maxReceiveBytes: 1e6,
    idleFrames: 1e6,
  };
  const at = new SimulatedSocket(random, { encrypted, shy: false, wireBytes });
  const from = new SimulatedSocket(random, { encrypted, shy: longHeads || random(2) === 0, wireBytes });
  at.other = from;
  from.other = at;
  const handlers = { running: 0 };
  const web = webServer(random, handlers);
  const server = new ServerConnection(at, routes, limits, 'test', () => undefined, web);
  const client = new ClientConnection(
    from,
    {
      retired: () => undefined,
      unserved: (call) => call.finish(new GrpcError(Status.UNAVAILABLE, unseen)),
      busy: () => undefined,
    },
    {
      ...clientLimits,
      streamWindow: pick(random, [1_000, 65_535, 1024 * 1024]),
      connectionWindow: pick(random, [65_535, 16 * 1024 * 1024]),
    },
  );
  [at.mine, from.mine] = [server, client];
  const steps = [() => at.take(), () => from.take(), () => at.read(), () => from.read()];
  const move = (): boolean => {
    if (random(50) === 0) client.ping();
    let moved = false;
    for (let i = random(40); i >= 0; i--) moved = (steps[random(4)]?.() ?? false) || moved;
    return moved || steps.map((step) => step()).includes(true);
  };
  return { server, client, at, from, handlers, move };
}
