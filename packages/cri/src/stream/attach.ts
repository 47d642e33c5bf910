/** Joins a client's streams with the process a container started with; leaving does not touch the process. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttachRequest } from '@timonier/grpc/cri';
import { acceptStreams } from '@timonier/streaming';
import { attachContainer, attachStderr, attachStdout } from '../container/attach.ts';
import type { Runtime } from '../runtime/context.ts';

const exitWaitMs = 5_000;

export async function serveAttach(
  runtime: Runtime,
  request: AttachRequest,
  upgrade: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const client = await acceptStreams(upgrade, socket, head);
  let attachment: ReturnType<typeof attachContainer>;
  try {
    attachment = attachContainer(runtime, request.containerId);
  } catch (error) {
    await client.finish({ failure: error instanceof Error ? error.message : String(error) });
    return;
  }
  const conmon = attachment.socket;
  client.onResize(({ columns, rows }) => {
    if (request.tty) attachment.resize(columns, rows);
  });
  if (request.stdin) client.stdin.pipe(conmon);
  else client.stdin.resume();
  const ended = new Promise<void>((resolve) => {
    conmon.on('data', (packet: Buffer) => {
      const target = packet[0] === attachStderr ? client.stderr : client.stdout;
      if (packet[0] !== attachStdout && packet[0] !== attachStderr) return;
      if (!target.write(packet.subarray(1))) {
        conmon.pause();
        const go = (): void => void conmon.resume();
        target.once('drain', go);
        target.once('close', go);
      }
    });
    conmon.once('end', resolve);
    conmon.once('close', resolve);
    conmon.on('error', () => resolve());
    client.closed.addEventListener('abort', () => resolve(), { once: true });
  });
  await ended;
  client.stdin.unpipe();
  conmon.destroy();
  if (client.closed.aborted) return;
  await runtime.waitForExit(request.containerId, exitWaitMs);
  const container = runtime.containers.find(request.containerId);
  await client.finish({ exitCode: container?.state === 'CONTAINER_EXITED' ? container.exitCode : 0 });
}
