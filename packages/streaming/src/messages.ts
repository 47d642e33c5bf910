/**
 * A WebSocket on which only the server has something to say, a message at a time, such as the events of a watch. What the
 * client sends is read and forgotten, but for its end.
 *
 * In: a request to upgrade, whose handshake `handshakeProblem` has found nothing wrong with. Out: `MessageWriter`.
 *
 * Invariant: what waits here is what the caller sends although it was asked to wait, and one answer to a ping. A client
 * that pings and does not read gets its latest ping answered (RFC 6455, 5.5.3).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { forgottenBounds } from './message-bounds.ts';

const keyForm = /^[+/0-9A-Za-z]{22}==$/;

/** What is wrong with the handshake of a request to upgrade to a WebSocket (RFC 6455, 4.2.1); undefined when nothing is. */
export function handshakeProblem({ method, headers }: IncomingMessage): string | undefined {
  if (method !== 'GET') return `a WebSocket is asked for with GET, and not with ${method}`;
  if (headers['sec-websocket-version'] !== '13') return 'missing or bad WebSocket Version';
  return keyForm.test(headers['sec-websocket-key'] ?? '') ? undefined : 'missing or bad WebSocket key';
}

export interface MessageHandshake {
  /** What the client is told that is spoken; undefined: nothing in particular. */
  readonly protocol: string | undefined;
  /** What else the answer says. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Accepts an upgrade; undefined when the client has gone. */
export function acceptMessages(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { protocol, headers }: MessageHandshake,
): MessageWriter | undefined {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    autoPong: false,
    ...forgottenBounds,
    perMessageDeflate: false,
  });
  // Any name goes back that came, also one that the library takes for no name.
  delete request.headers['sec-websocket-protocol'];
  server.on('headers', (lines) => {
    if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  });
  let writer: MessageWriter | undefined;
  // What the library writes as text is the head, in which a sign is a byte.
  socket.setDefaultEncoding('latin1');
  // Calls back before it returns, or never.
  server.handleUpgrade(request, socket, head, (accepted) => {
    writer = new MessageWriter(accepted, socket);
  });
  socket.setDefaultEncoding('utf8');
  return writer;
}

export class MessageWriter {
  readonly #messages: WebSocket;
  readonly #socket: Duplex;
  /** Of a ping that waits for the socket to be answered. */
  #ping: Buffer | undefined;

  constructor(messages: WebSocket, socket: Duplex) {
    this.#messages = messages;
    this.#socket = socket;
    // What a client does wrong ends its connection, with a code that says what.
    messages.on('error', () => undefined);
    messages.on('ping', (payload) => this.#answer(payload));
    socket.on('drain', () => {
      if (this.#ping !== undefined) this.#answer(this.#ping);
    });
  }

  /** False asks to wait for `drained` before more. */
  send(message: Buffer, isText: boolean): boolean {
    // Behind its end there is nobody to be told of what is not sent.
    if (this.#messages.readyState === this.#messages.OPEN)
      this.#messages.send(message, { binary: !isText }, () => undefined);
    return !this.#socket.writableNeedDrain;
  }

  /** Resolves when more is taken, or never will be. */
  drained(): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.once('drain', done).once('close', done);
    });
  }

  /** Ends the connection in good order, within half a minute. */
  close(): void {
    this.#messages.close(1000);
  }

  /** Ends it so that the client sees that something is missing. */
  terminate(): void {
    this.#messages.terminate();
  }

  #answer(ping: Buffer): void {
    this.#ping = this.#socket.writableNeedDrain ? ping : undefined;
    if (this.#ping === undefined && this.#messages.readyState === this.#messages.OPEN)
      this.#messages.pong(ping, false, () => undefined);
  }
}
