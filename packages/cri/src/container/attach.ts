/**
 * The output and input of a container's own process, through conmon's attach socket: packets whose first byte tells
 * stdout (2) from stderr (3); what is written goes to stdin.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { connectSeqpacket } from '@timonier/linux/libc';
import { bundleFolder, type Runtime } from '../runtime/context.ts';

export interface Attachment {
  readonly socket: Socket;
  resize(columns: number, rows: number): void;
}

export const attachStdout = 2;
export const attachStderr = 3;

export function attachContainer(runtime: Runtime, id: string): Attachment {
  const container = runtime.containers.get(id);
  if (container.state !== 'CONTAINER_RUNNING') {
    throw new CriError(criStatus.FAILED_PRECONDITION, `container ${container.id} is ${container.state}`);
  }
  const bundle = bundleFolder(runtime.settings, container.id);
  const socket = packetSocket(connectSeqpacket(join(bundle, 'attach')));
  return {
    socket,
    resize: (columns, rows) => {
      const fd = openSync(join(bundle, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(fd, `1 ${rows} ${columns}\n`);
      } finally {
        closeSync(fd);
      }
    },
  };
}

interface PipeHandle {
  open(fd: number): number;
}

/**
 * Node refuses to wrap a packet socket through its public API, though its pipe handle reads and writes one well: a
 * read returns one packet, a write sends one.
 */
function packetSocket(fd: number): Socket {
  const binding = (process as unknown as { binding(name: string): unknown }).binding('pipe_wrap') as {
    Pipe: new (type: number) => PipeHandle;
    constants: { SOCKET: number };
  };
  const handle = new binding.Pipe(binding.constants.SOCKET);
  const failure = handle.open(fd);
  if (failure !== 0) {
    closeSync(fd);
    throw new Error(`cannot use the attach socket: error ${failure}`);
  }
  const options = { handle, allowHalfOpen: true, readable: true, writable: true };
  return new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
}
