/**
 * Passes a WebSocket through: whoever stands in the middle (an API server, a kubelet) dials the next hop first, with
 * the protocols the client offered, and then accepts the client with the protocol the next hop chose. Messages go
 * through unread, one in flight per direction, so the slower side sets the pace.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { streamBounds } from './message-bounds.ts';
import { dial, type DialOptions, HandshakeError } from './client.ts';
import { answerPings } from './pings.ts';
import { offeredProtocols, refuseUpgrade } from './server.ts';

/**
 * Relays an upgrade request to `url`. Resolves when the connection has ended on both sides; when the next hop refuses,
 * the client gets the same status and text, and when it cannot be reached, 502.
 */
export async function relayUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  url: string | URL,
  options: Omit<DialOptions, 'protocols'> = {},
): Promise<void> {
  // Until the handshake is done nobody else listens, and an unheard error would end the process.
  socket.on('error', () => socket.destroy());
  let upstream: WebSocket;
  try {
    upstream = await dial(url, { ...options, protocols: offeredProtocols(request) });
  } catch (error) {
    const refused = error instanceof HandshakeError;
    const message = error instanceof Error ? error.message : String(error);
    refuseUpgrade(socket, refused ? error.statusCode : 502, refused ? error.body.trim() : message);
    return;
  }
  const upgrader = new WebSocketServer({
    noServer: true,
    autoPong: false,
    perMessageDeflate: false,
    ...streamBounds,
    handleProtocols: () => (upstream.protocol === '' ? false : upstream.protocol),
  });
  const client = await new Promise<WebSocket | undefined>((resolve) => {
    // The client may have left while the next hop was dialled.
    if (socket.destroyed || !socket.readable || !socket.writable) {
      socket.destroy();
      resolve(undefined);
      return;
    }
    socket.once('close', () => resolve(undefined));
    upgrader.handleUpgrade(request, socket, head, resolve);
  });
  if (client === undefined) {
    upstream.terminate();
    return;
  }
  answerPings(client);
  await Promise.all([pass(client, upstream), pass(upstream, client), resumed(upstream)]);
}

/** A dialled socket arrives paused; let it go once both directions are wired. */
async function resumed(socket: WebSocket): Promise<void> {
  socket.resume();
}

function pass(from: WebSocket, to: WebSocket): Promise<void> {
  from.on('message', (data, binary) => {
    if (to.readyState !== to.OPEN) return;
    from.pause();
    to.send(data, { binary }, () => from.resume());
  });
  from.on('error', () => from.terminate());
  return new Promise((resolve) => {
    from.on('close', (code, reason) => {
      // 1005 and 1006 describe how a connection ended and may not be sent.
      if (code === 1005 || code === 1006) to.terminate();
      else to.close(code, reason);
      // A paused socket would not hear the answer to its close frame.
      to.resume();
      resolve();
    });
  });
}
