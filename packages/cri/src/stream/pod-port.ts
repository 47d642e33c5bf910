/** A TCP connection to a port on a pod's loopback address, made from this process without entering the pod. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import {
  beginTcpConnect,
  enterNamespace,
  inNamespaces,
  isConnected,
  socketError,
} from '@timonier/linux/libc';

const connectWaitMs = 5_000;

/**
 * Connects to 127.0.0.1:`port` inside the network namespace at `namespacePath` (the host's when undefined). A socket
 * stays in the namespace it was made in, so only making it happens there.
 */
export async function connectPodPort(namespacePath: string | undefined, port: number): Promise<Socket> {
  const fd =
    namespacePath === undefined
      ? beginTcpConnect('127.0.0.1', port)
      : inNamespaces(
          ['net'],
          () => enterNamespace(namespacePath, 'net'),
          () => beginTcpConnect('127.0.0.1', port),
        );
  // Node's handle reports readiness; until then, a write waits and a failure shows as an error.
  const deadline = Date.now() + connectWaitMs;
  for (;;) {
    const failure = socketError(fd);
    if (failure !== undefined) {
      closeSync(fd);
      throw new Error(`port ${port} of the pod: ${failure}`);
    }
    if (isConnected(fd)) return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    if (Date.now() > deadline) {
      closeSync(fd);
      throw new Error(`port ${port} of the pod: no answer within ${connectWaitMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
