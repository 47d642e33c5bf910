/**
 * Forwards TCP connections from an address of the machine, 127.0.0.1 by default, to the first target that accepts one. Bounded: beyond `maxConnections` new
 * ones are closed at once.
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
const connectTimeoutMs = 1_500;

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
  for (const target of targets) {
    const upstream = await open(target);
    if (upstream === undefined) continue;
    track(upstream);
    client.pipe(upstream);
    upstream.pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.resume();
    return;
  }
  client.destroy();
}

async function open(target: Target): Promise<Socket | undefined> {
  const socket = connect({ ...target, allowHalfOpen: true, noDelay: true });
  const connected = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  const timeout = new AbortController();
  const ok = await Promise.race([
    connected,
    delay(connectTimeoutMs, false, { signal: timeout.signal }).catch(() => false),
  ]);
  timeout.abort();
  if (ok) return socket;
  socket.on('error', () => undefined);
  socket.destroy();
  return undefined;
}
