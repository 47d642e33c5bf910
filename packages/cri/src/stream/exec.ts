/** Joins a client's streams with a command that starts when the client arrives and is killed when it leaves. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecRequest } from '@timonier/grpc/cri';
import { acceptStreams } from '@timonier/streaming';
import { startExec } from '../container/exec.ts';
import type { Runtime } from '../runtime/context.ts';
import { flow } from './flow.ts';

export async function serveExec(
  runtime: Runtime,
  request: ExecRequest,
  upgrade: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const client = await acceptStreams(upgrade, socket, head);
  let exec;
  try {
    exec = await startExec(runtime, {
      containerId: request.containerId,
      command: request.cmd,
      terminal: request.tty,
      stdin: request.stdin,
    });
  } catch (error) {
    await client.finish({ failure: error instanceof Error ? error.message : String(error) });
    return;
  }
  const { stdin, stdout, stderr } = exec;
  client.onResize(({ columns, rows }) => exec.resize(columns, rows));
  client.closed.addEventListener('abort', () => exec.kill(), { once: true });
  if (client.closed.aborted) exec.kill();
  if (request.stdin && stdin !== undefined) {
    if (request.tty) client.stdin.pipe(stdin, { end: false });
    else client.stdin.pipe(stdin);
  } else client.stdin.resume();
  const output = [
    flow(stdout, client.stdout),
    ...(stderr === undefined ? [] : [flow(stderr, client.stderr)]),
  ];
  const exitCode = await exec.exit;
  await Promise.all(output);
  client.stdin.unpipe();
  await client.finish({ exitCode });
}
