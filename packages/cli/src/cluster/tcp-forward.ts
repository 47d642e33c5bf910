/**
 * Forwards TCP connections from an address of the machine, 127.0.0.1 by default, to the first target that accepts one.
 * Bounded: beyond `maxConnections` new ones are closed at once.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface TcpForward {
  readonly port: number;
  close(): Promise<void>;
}

const maxConnections = 1_000;
/** Until somebody accepts. */
const connectTimeoutMs = 5_000;
/** So long a target may say nothing before another is tried beside it. */
const nextAfterMs = 150;
const maxAttempts = 32;

/** Listens on `address`:`port` (0 asks the kernel). Rejects when the port is taken. */
export async function forwardTcp(
  port: number,
  targets: () => readonly Target[],
  listenAddress = '127.0.0.1',
): Promise<TcpForward> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  };
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) => {
    track(client);
    if (sockets.size > 2 * maxConnections) client.destroy();
    else void join(client, targets(), track);
  });
  await listenOn(server, port, listenAddress);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Like `forwardTcp`, on the first free port from `first` on. */
export async function forwardTcpFrom(first: number, targets: () => readonly Target[]): Promise<TcpForward> {
  for (let port = first; port < first + 50; port++) {
    try {
      return await forwardTcp(port, targets);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  return forwardTcp(0, targets);
}

function listenOn(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function join(
  client: Socket,
  targets: readonly Target[],
  track: (socket: Socket) => void,
): Promise<void> {
  const upstream = await reach(targets, () => client.destroyed);
  if (upstream === undefined || client.destroyed) {
    upstream?.destroy();
    client.destroy();
    return;
  }
  track(upstream);
  client.pipe(upstream);
  upstream.pipe(client);
  client.on('close', () => upstream.destroy());
  upstream.on('close', () => client.destroy());
  client.resume();
}

/**
 * A connection to whoever accepts one first. The next target is tried at once when one refuses, and beside the others
 * when they say nothing: the kernel repeats a lost first packet only after a second, by when another target, or a new
 * packet to the same address, has long been answered. Undefined when all refuse, or none accepts in time.
 */
async function reach(targets: readonly Target[], unwanted: () => boolean): Promise<Socket | undefined> {
  const deadline = performance.now() + connectTimeoutMs;
  const open = new Set<Socket>();
  const attempts = new Set<Promise<Socket | undefined>>();
  let won: Socket | undefined;
  for (let n = 0; won === undefined && performance.now() < deadline && !unwanted(); n++) {
    const target = targets[n % targets.length];
    if (target !== undefined && n < maxAttempts && (n < targets.length || attempts.size > 0)) {
      const attempt = begin(target, open);
      attempts.add(attempt);
      void attempt.then(() => attempts.delete(attempt));
    }
    if (attempts.size === 0) break;
    const patience = new AbortController();
    won = await Promise.race([
      ...attempts,
      delay(nextAfterMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
  }
  for (const socket of open) if (socket !== won) socket.destroy();
  return won;
}

/** Resolves with the socket once it is connected, with undefined when it fails. */
function begin(target: Target, open: Set<Socket>): Promise<Socket | undefined> {
  const socket = connect({ ...target, allowHalfOpen: true, noDelay: true });
  open.add(socket);
  // Also when nobody waits for it any more.
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('close', () => {
      open.delete(socket);
      resolve(undefined);
    });
  });
}
