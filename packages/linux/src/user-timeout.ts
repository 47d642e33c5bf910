/**
 * How long the other end of a connection may leave what was sent to it unacknowledged (TCP_USER_TIMEOUT, tcp(7)). Without
 * it the kernel sends again at growing intervals for a quarter of an hour, and a host that comes back after half a
 * minute waits for the next of them.
 */
import type { Socket } from 'node:net';
import { koffi } from './native.ts';

const setsockopt = koffi
  .load(null)
  .func('int setsockopt(int fd, int level, int name, const uint *value, uint length)');
const ipprotoTcp = 6;
const tcpUserTimeout = 18;

/**
 * Ends the connection with ETIMEDOUT once bytes of ours wait for `milliseconds`, also when the other end has no room for
 * them. With TLS, of the connection below. Returns false, and leaves it as it is, when it does not stand (any more) or the
 * kernel refuses.
 */
export function setUserTimeout(socket: Socket, milliseconds: number): boolean {
  // Node tells the descriptor of a connection to nobody else.
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  const fd = handle?.fd ?? -1;
  return fd >= 0 && Number(setsockopt(fd, ipprotoTcp, tcpUserTimeout, [milliseconds], 4)) === 0;
}
