/** HTTP/2 without gRPC, for servers that have requests of their own: what the gRPC server is built on, by itself. */
import type { TLSSocket } from 'node:tls';
import type { WebCall } from './calls.ts';
import { Connections } from './h2/connections.ts';
import { defaultLimits, type Limits } from './h2/limits.ts';
import { webRoute } from './h2/web.ts';

export type { WebCall } from './calls.ts';
export type { Limits } from './h2/limits.ts';

export class WebConnections {
  readonly #connections: Connections;
  readonly #handler: (call: WebCall, socket: TLSSocket) => Promise<void>;

  /** An answer ends when its handler's promise resolves, if it has not ended before. */
  constructor(handler: (call: WebCall, socket: TLSSocket) => Promise<void>, limits: Partial<Limits> = {}) {
    this.#handler = handler;
    this.#connections = new Connections({ ...defaultLimits, ...limits });
  }

  /** A socket whose client chose HTTP/2. */
  accept(socket: TLSSocket): void {
    const route = webRoute((call) => this.#handler(call, socket), true);
    this.#connections.accept(socket, undefined, route);
  }

  /** Asks every client to go elsewhere; what they have asked already is served. */
  leave(): void {
    this.#connections.leave();
  }
}
