/**
 * The streaming half of CRI: Exec, Attach and PortForward answer with a URL on this loopback HTTP server; whoever
 * connects to it by WebSocket within a minute gets the streams. A URL works once; its unguessable part is the only
 * key, so it never reaches a log.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { listen, splitHostPort } from '@timonier/component';
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { AttachRequest, ExecRequest, PortForwardRequest } from '@timonier/grpc/cri';
import { refuseUpgrade } from '@timonier/streaming';
import type { Runtime } from '../runtime/context.ts';
import { serveAttach } from './attach.ts';
import { serveExec } from './exec.ts';
import { servePortForward } from './port-forward.ts';

type Ticket =
  | { readonly kind: 'exec'; readonly request: ExecRequest }
  | { readonly kind: 'attach'; readonly request: AttachRequest }
  | { readonly kind: 'portforward'; readonly request: PortForwardRequest };

const ticketLifeMs = 60_000;
const maxTickets = 1_000;

export class StreamServer {
  readonly #runtime: Runtime;
  readonly #tickets = new Map<string, { ticket: Ticket; timer: NodeJS.Timeout }>();
  readonly #sockets = new Set<Duplex>();
  readonly #server: Server;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#server = createServer((_request, response) => {
      response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('this address speaks WebSocket only\n');
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      void this.#upgrade(request, socket, head);
    });
  }

  async start(address: string): Promise<void> {
    const { host, port } = splitHostPort(address);
    await listen(this.#server, port, host);
  }

  async stop(): Promise<void> {
    for (const { timer } of this.#tickets.values()) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Makes a URL that can be used once. */
  url(ticket: Ticket): string {
    if (this.#tickets.size >= maxTickets) {
      throw new CriError(
        criStatus.RESOURCE_EXHAUSTED,
        `more than ${maxTickets} streams wait for their clients`,
      );
    }
    const token = randomBytes(16).toString('base64url');
    const timer = setTimeout(() => this.#tickets.delete(token), ticketLifeMs);
    timer.unref();
    this.#tickets.set(token, { ticket, timer });
    const { address, port } = this.#server.address() as AddressInfo;
    const host = address.includes(':') ? `[${address}]` : address;
    return `http://${host}:${port}/${ticket.kind}/${token}`;
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const [, kind = '', token = ''] = new URL(request.url ?? '/', 'http://localhost').pathname.split('/');
    const held = this.#tickets.get(token);
    if (held === undefined || held.ticket.kind !== kind) {
      refuseUpgrade(socket, 404, 'this stream does not exist, was used already, or waited too long');
      return;
    }
    this.#tickets.delete(token);
    clearTimeout(held.timer);
    const { ticket } = held;
    try {
      if (ticket.kind === 'exec') await serveExec(this.#runtime, ticket.request, request, socket, head);
      else if (ticket.kind === 'attach')
        await serveAttach(this.#runtime, ticket.request, request, socket, head);
      else await servePortForward(this.#runtime, ticket.request, request, socket, head);
    } catch (error) {
      this.#runtime.log.warn({ err: error, kind }, 'a stream failed');
      socket.destroy();
    }
  }
}
