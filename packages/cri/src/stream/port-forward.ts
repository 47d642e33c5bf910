/**
 * Port forwarding over the channel protocol: port number i of the request has channel 2i for data and 2i + 1 for an
 * error text; each channel opens with the port number as two little-endian bytes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PortForwardRequest } from '@timonier/grpc/cri';
import { acceptLink } from '@timonier/streaming';
import type { Runtime } from '../runtime/context.ts';
import { flow } from './flow.ts';
import { connectPodPort } from './pod-port.ts';

const maxPorts = 64;

export async function servePortForward(
  runtime: Runtime,
  request: PortForwardRequest,
  upgrade: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const asked = new URL(upgrade.url ?? '/', 'http://localhost').searchParams.getAll('port');
  const ports = (
    request.port.length > 0 ? request.port : asked.flatMap((text) => text.split(',').map(Number))
  ).slice(0, maxPorts);
  const sandbox = runtime.sandboxes.get(request.podSandboxId);
  const link = await acceptLink(upgrade, socket, head);
  await Promise.all(
    ports.map(async (port, i) => {
      const opening = Buffer.alloc(2);
      opening.writeUInt16LE(port);
      const input = link.reader(2 * i);
      await link.send(2 * i, opening);
      await link.send(2 * i + 1, opening);
      try {
        const connection = await connectPodPort(sandbox.namespaces.net, port);
        const output = link.writer(2 * i, { closes: true });
        connection.on('error', () => connection.destroy());
        link.closed.addEventListener('abort', () => connection.destroy(), { once: true });
        input.pipe(connection);
        await flow(connection, output);
        connection.destroy();
      } catch (error) {
        await link.send(2 * i + 1, Buffer.from(error instanceof Error ? error.message : String(error)));
      }
      input.destroy();
    }),
  );
  link.close();
}
