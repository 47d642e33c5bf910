/** ExecSync: runs a command to its end and returns what it said, up to a bound. */
import type { Readable } from 'node:stream';
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { ExecSyncRequest } from '@timonier/grpc/cri';
import type { Runtime } from '../runtime/context.ts';
import { startExec } from './exec.ts';

/** As much of each stream as fits a gRPC message comfortably; the rest is read and dropped. */
const maxOutput = 4 * 1024 * 1024;

export async function execSync(
  runtime: Runtime,
  request: ExecSyncRequest,
  signal: AbortSignal,
): Promise<{ stdout: Buffer; stderr: Buffer; exitCode: number }> {
  const exec = await startExec(runtime, {
    containerId: request.containerId,
    command: request.cmd,
    terminal: false,
    stdin: false,
  });
  let timedOut = false;
  const timer =
    request.timeout > 0
      ? setTimeout(() => {
          timedOut = true;
          exec.kill();
        }, request.timeout * 1000)
      : undefined;
  const abort = (): void => exec.kill();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      collect(exec.stdout),
      exec.stderr === undefined ? Buffer.alloc(0) : collect(exec.stderr),
      exec.exit,
    ]);
    if (timedOut) {
      throw new CriError(
        criStatus.DEADLINE_EXCEEDED,
        `command ${request.cmd[0]} took longer than ${request.timeout} s`,
      );
    }
    return { stdout, stderr, exitCode };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < maxOutput) chunks.push(chunk.subarray(0, maxOutput - size));
    size += chunk.length;
  });
  return new Promise((resolve) => {
    stream.once('close', () => resolve(Buffer.concat(chunks)));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
  });
}
