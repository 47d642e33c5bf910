/**
 * The end of a connection whose client may not see to it: it is told the last there is to say, what it still sends is read
 * and dropped for a while, because the kernel resets a connection that is closed with bytes unread, and with it goes what is
 * still on its way (RFC 9112, 9.6). Then it is closed, whether the client has closed its side or not: nobody keeps a
 * connection here by doing nothing.
 */
import type { Duplex } from 'node:stream';

const lingerMs = 5_000;

/** Ends `socket` behind `last`, and closes it in `patienceMs` milliseconds at the latest. */
export function endWith(socket: Duplex, last?: Buffer | string, patienceMs = lingerMs): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => undefined);
  if (!socket.writableEnded) socket.end(last);
  socket.resume();
}
