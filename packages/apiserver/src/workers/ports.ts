/**
 * The shared ports: accepts connections, reads nothing of them, and hands each to whom `hand` says. A unix socket that
 * only its owner may open is one of them.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { listen } from '@timonier/component';
import type { PortName } from '../http/front.ts';

export class SharedPorts {
  readonly #hand: (port: PortName, socket: Socket) => void;
  readonly #servers: Server[] = [];

  constructor(hand: (port: PortName, socket: Socket) => void) {
    this.#hand = hand;
  }

  /** Listens on a TCP port; returns which. */
  async listen(name: PortName, host: string, port: number): Promise<number> {
    const server = this.#server(name);
    await listen(server, port, host);
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async listenPrivate(path: string): Promise<void> {
    await rm(path, { force: true });
    const server = this.#server('private');
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #server(name: PortName): Server {
    // Paused: what a client sends first is for the worker to read.
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on('error', () => undefined);
      this.#hand(name, socket);
    });
    this.#servers.push(server);
    return server;
  }
}
