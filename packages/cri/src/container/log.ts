/** ReopenContainerLog: after the log file was moved away, conmon is told to start a new one. */
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { bundleFolder, type Runtime } from '../runtime/context.ts';

const reopenWaitMs = 5_000;

export async function reopenContainerLog(runtime: Runtime, id: string): Promise<void> {
  const container = runtime.containers.get(id);
  if (container.state !== 'CONTAINER_RUNNING') {
    throw new CriError(criStatus.FAILED_PRECONDITION, `container ${container.id} is not running`);
  }
  const control = join(bundleFolder(runtime.settings, container.id), 'ctl');
  // Non-blocking: with conmon gone nobody reads the pipe, and opening it would wait for ever.
  const fd = openSync(control, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, '2 0 0\n');
  } finally {
    closeSync(fd);
  }
  const deadline = Date.now() + reopenWaitMs;
  while (container.logPath !== '' && !existsSync(container.logPath)) {
    if (Date.now() > deadline) {
      throw new CriError(criStatus.DEADLINE_EXCEEDED, `conmon did not reopen ${container.logPath}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
