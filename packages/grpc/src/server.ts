/**
 * A gRPC server: services with promise-returning handlers on a TCP port or a unix socket.
 *
 * A handler's `GrpcError` becomes the call's status; any other error becomes INTERNAL with its message. Handlers
 * of streams own their call until they resolve; a call that the client ended has its `signal` aborted.
 *
 * Two implementations carry the same handlers: `lean`, our own HTTP/2 in `h2/`, and `grpc-js`.
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Handlers, ServerImplementation, ServerTls, WebHandler } from './calls.ts';
import { type Http1Acceptor, LeanServer } from './h2/server.ts';
import type { ServiceDefinition, ServiceShape } from './proto.ts';
import { GrpcJsServer } from './server-grpc-js.ts';

export type {
  BidiCall,
  BidiHandler,
  Handlers,
  ServerCall,
  ServerStreamCall,
  ServerStreamHandler,
  ServerTls,
  UnaryHandler,
  WebCall,
  WebHandler,
} from './calls.ts';

export type ServerKind = 'lean' | 'grpc-js';

export interface GrpcServerOptions {
  readonly maxReceiveBytes?: number;
  readonly maxConcurrentStreams?: number;
  /** After how much silence a client is asked for a sign of life, and how long it may take. On `lean` only. */
  readonly keepaliveMs?: number;
  readonly keepaliveTimeoutMs?: number;
  /** Takes connections that speak HTTP/1; without it, and on grpc-js, they are ended. */
  readonly http1?: Http1Acceptor;
  /** Answers requests over HTTP/2 that are no gRPC; without it, and on grpc-js, they are refused. */
  readonly web?: WebHandler;
  /** What carries the calls; without it the variable TIMONIER_GRPC decides, and without that `lean`. */
  readonly implementation?: ServerKind;
}

function chosenKind(): ServerKind {
  const value = process.env['TIMONIER_GRPC'] ?? '';
  if (value === '') return 'lean';
  if (value === 'lean' || value === 'grpc-js') return value;
  throw new Error(`TIMONIER_GRPC is "${value}"; it may be lean or grpc-js`);
}

export class GrpcServer {
  readonly #server: ServerImplementation;
  readonly #sockets: string[] = [];

  constructor(options: GrpcServerOptions = {}) {
    const maxReceiveBytes = options.maxReceiveBytes ?? 4 * 1024 * 1024;
    const { maxConcurrentStreams, keepaliveMs, keepaliveTimeoutMs } = options;
    this.#server =
      (options.implementation ?? chosenKind()) === 'lean'
        ? new LeanServer(
            {
              maxReceiveBytes,
              ...(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }),
              ...(keepaliveMs === undefined ? {} : { keepaliveMs }),
              ...(keepaliveTimeoutMs === undefined ? {} : { keepaliveTimeoutMs }),
            },
            options.http1,
            options.web,
          )
        : new GrpcJsServer({ maxReceiveBytes, maxConcurrentStreams });
  }

  addService<S extends ServiceShape>(definition: ServiceDefinition<S>, handlers: Handlers<S>): void {
    const table = handlers as Record<string, unknown>;
    this.#server.add(
      Object.values(definition.methods).flatMap((method) => {
        const handler = table[method.name];
        return handler === undefined ? [] : [[method, handler] as const];
      }),
    );
  }

  /**
   * Listens on `unix:/path` (mode 0600; a socket left by a dead process is replaced) or `host:port`, port 0 asking
   * the kernel for one. Returns the port. Rejects with one sentence when the address cannot be had.
   */
  async listen(address: string, tls?: ServerTls): Promise<number> {
    if (address.startsWith('unix:')) {
      const path = address.slice('unix:'.length);
      await clearStaleSocket(path);
      const port = await this.#bind(address, undefined);
      chmodSync(path, 0o600);
      this.#sockets.push(path);
      return port;
    }
    return await this.#bind(address, tls);
  }

  async #bind(address: string, tls: ServerTls | undefined): Promise<number> {
    try {
      return await this.#server.bind(address, tls);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const why = message.includes('EADDRINUSE') ? 'another process listens there already' : message;
      throw new Error(`cannot listen on ${address}: ${why}`, { cause: error });
    }
  }

  /** Stops taking calls, gives running ones up to `graceMs`, then ends them. */
  async shutdown(graceMs = 1_000): Promise<void> {
    await this.#server.shutdown(graceMs);
    for (const path of this.#sockets) rmSync(path, { force: true });
  }
}

async function clearStaleSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (alive) throw new Error(`cannot listen on unix:${path}: another process listens there already`);
  rmSync(path, { force: true });
}
