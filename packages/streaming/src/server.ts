/**
 * The process's end of an exec or attach connection: accepts the WebSocket upgrade of an HTTP server and hands over
 * plain streams.
 *
 * In: an `upgrade` event. Out: `ServerStreams`. Whoever accepts must call `finish` once, after the last output.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { streamBounds } from './message-bounds.ts';
import { endWith } from './last-words.ts';
import { Link } from './link.ts';
import { answerPings } from './pings.ts';
import {
  channel,
  channelProtocols,
  chooseProtocol,
  decodeResize,
  encodeOutcome,
  type ExecOutcome,
  type TerminalSize,
} from './protocol.ts';

export interface ServerStreams {
  /** What the client types; ends when the client closed it (v5) or the connection ended. */
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when the client has gone. */
  readonly closed: AbortSignal;
  /** Calls back with every new size of the client's terminal, the last known one first. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Flushes the output, tells the outcome and closes the connection. */
  finish(outcome: ExecOutcome): Promise<void>;
}

const upgrader = new WebSocketServer({
  noServer: true,
  autoPong: false,
  ...streamBounds,
  perMessageDeflate: false,
  handleProtocols: (offered) => chooseProtocol(offered) ?? false,
});

/**
 * Accepts a WebSocket upgrade in any of the channel protocols. Answers 400 and rejects when the request is no WebSocket
 * handshake or offers no protocol we speak.
 */
export async function acceptStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<ServerStreams> {
  return serverStreams(await acceptLink(request, socket, head));
}

export function acceptLink(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Link> {
  const offered = offeredProtocols(request);
  const protocol = chooseProtocol(offered);
  if (protocol === undefined) {
    refuseUpgrade(
      socket,
      400,
      `none of the protocols ${offered.join(', ')} is known; use ${channelProtocols[0]}`,
    );
    return Promise.reject(new Error(`no common protocol among ${offered.join(', ')}`));
  }
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('the handshake failed'));
    if (socket.destroyed || !socket.readable || !socket.writable) {
      socket.destroy();
      fail();
      return;
    }
    socket.once('close', fail);
    upgrader.handleUpgrade(request, socket, head, (ws) => {
      socket.off('close', fail);
      answerPings(ws);
      resolve(new Link(ws, protocol));
    });
  });
}

/** Accepts a WebSocket upgrade in `protocol` and hands over the bytes inside its messages, without their borders. */
export function acceptTunnel(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<Duplex> {
  const tunnel = new WebSocketServer({
    noServer: true,
    autoPong: false,
    ...streamBounds,
    perMessageDeflate: false,
  });
  // Names such as SPDY/3.1+portforward.k8s.io are no tokens of HTTP, and a strict server would refuse them.
  delete request.headers['sec-websocket-protocol'];
  tunnel.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('the handshake failed'));
    socket.once('close', fail);
    tunnel.handleUpgrade(request, socket, head, (ws) => {
      socket.off('close', fail);
      answerPings(ws);
      const bytes = createWebSocketStream(ws);
      bytes.on('error', () => bytes.destroy());
      resolve(bytes);
    });
  });
}

/** Switches a connection to SPDY/3.1 as clients ask for it that do not know WebSockets; its bytes follow. */
export function acceptSpdy(socket: Duplex, head: Buffer, protocol: string): Duplex {
  if (head.length > 0) socket.unshift(head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\n` +
      `x-stream-protocol-version: ${protocol}\r\n\r\n`,
  );
  return socket;
}

export function offeredProtocols(request: IncomingMessage): string[] {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Answers an upgrade request with a plain HTTP error and closes the socket. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const body = `${message}\n`;
  endWith(
    socket,
    `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function serverStreams(link: Link): ServerStreams {
  let size: TerminalSize | undefined;
  let listener: ((size: TerminalSize) => void) | undefined;
  link.listen(channel.resize, (payload) => {
    size = decodeResize(payload) ?? size;
    if (size !== undefined) listener?.(size);
  });
  const stdin = link.reader(channel.stdin);
  const stdout = link.writer(channel.stdout, { closes: false });
  const stderr = link.writer(channel.stderr, { closes: false });
  return {
    stdin,
    stdout,
    stderr,
    closed: link.closed,
    onResize: (next) => {
      listener = next;
      if (size !== undefined) next(size);
    },
    finish: async (outcome) => {
      await Promise.all([flushed(stdout), flushed(stderr)]);
      const message = encodeOutcome(link.protocol, outcome);
      if (message !== undefined) await link.send(channel.error, message);
      stdin.destroy();
      link.close();
    },
  };
}

/** Ends a stream; resolves when its last bytes have left, or never will. */
export function flushed(stream: Writable): Promise<void> {
  if (stream.destroyed || stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.once('finish', resolve);
    if (!stream.writableEnded) stream.end();
  });
}
