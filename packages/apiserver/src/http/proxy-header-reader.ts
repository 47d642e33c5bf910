/** Reads the PROXY header in front of a connection, and no byte more: what follows is for TLS, and stays in the socket. */
import type { Socket } from 'node:net';
import {
  fixedHeaderLength,
  parseProxyHeader,
  type ProxiedConnection,
  proxyRestLength,
} from './proxy-protocol.ts';

/**
 * Undefined for a connection that says nothing of where its client is. Throws for what is no header, and when it is not there in
 * time; the socket is destroyed then, or is for the caller to destroy.
 */
export async function readProxyHeader(
  socket: Socket,
  timeoutMs: number,
): Promise<ProxiedConnection | undefined> {
  const timer = setTimeout(() => socket.destroy(new Error('no PROXY header in time')), timeoutMs);
  try {
    const fixed = await readExactly(socket, fixedHeaderLength);
    const length = proxyRestLength(fixed);
    const rest = length === 0 ? Buffer.alloc(0) : await readExactly(socket, length);
    return parseProxyHeader(fixed, rest);
  } finally {
    clearTimeout(timer);
  }
}

function readExactly(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      const chunk = socket.read(length) as Buffer | null;
      if (chunk === null) return;
      done();
      if (chunk.length === length) resolve(chunk);
      else reject(new Error('the connection ended within its PROXY header'));
    };
    const fail = (): void => {
      done();
      reject(new Error('the connection closed before its PROXY header'));
    };
    const done = (): void => {
      socket.off('readable', attempt);
      socket.off('close', fail);
    };
    socket.on('readable', attempt);
    socket.once('close', fail);
    attempt();
  });
}
