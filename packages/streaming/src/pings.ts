/**
 * Answers the pings of a WebSocket, whose library is told not to: it would keep an answer to each for an end that pings and does
 * not read. One is on its way, and of the pings that come meanwhile the latest is answered (RFC 6455, 5.5.3).
 */
import type { WebSocket } from 'ws';

export function answerPings(socket: WebSocket): void {
  let isBusy = false;
  let latest: Buffer | undefined;
  const answer = (payload: Buffer): void => {
    if (isBusy) {
      latest = payload;
      return;
    }
    if (socket.readyState !== socket.OPEN) return;
    isBusy = true;
    socket.pong(payload, undefined, () => {
      isBusy = false;
      const next = latest;
      latest = undefined;
      if (next !== undefined) answer(next);
    });
  };
  socket.on('ping', answer);
}
