/**
 * Runs a further command in a running container, through the OCI runtime's `exec`, with the environment and user of the
 * container's own process. Its streams are pipes, or one terminal.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { openPseudoTerminal, receiveDescriptor, setTerminalSize } from '@timonier/linux/libc';
import { bundleFolder, newId, type Runtime } from '../runtime/context.ts';

export interface ExecRequestOptions {
  readonly containerId: string;
  readonly command: readonly string[];
  readonly terminal: boolean;
  readonly stdin: boolean;
}

export interface RunningExec {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Undefined when the command has a terminal: everything comes on stdout. */
  readonly stderr: Readable | undefined;
  resize(columns: number, rows: number): void;
  /** Kills the command, if it has begun. */
  kill(): void;
  /** The exit code, once the command ended and its output has been read or given up on. */
  readonly exit: Promise<number>;
}

/** A command may leave children behind that keep its output open; silence of this length ends the wait for it. */
const drainMs = 2_000;
const terminalWaitMs = 15_000;

export async function startExec(runtime: Runtime, options: ExecRequestOptions): Promise<RunningExec> {
  const container = runtime.containers.get(options.containerId);
  if (container.state !== 'CONTAINER_RUNNING') {
    throw new CriError(criStatus.FAILED_PRECONDITION, `container ${container.id} is ${container.state}`);
  }
  if (options.command.length === 0) throw new CriError(criStatus.INVALID_ARGUMENT, 'no command to run');
  const session = join(bundleFolder(runtime.settings, container.id), `exec-${newId().slice(0, 12)}`);
  mkdirSync(session);
  const spec = JSON.parse(
    readFileSync(join(bundleFolder(runtime.settings, container.id), 'config.json'), 'utf8'),
  ) as { process: { env: string[] } };
  const env = options.terminal ? ['TERM=xterm', ...spec.process.env] : spec.process.env;
  const description = { ...spec.process, env, args: options.command, terminal: options.terminal };
  writeFileSync(join(session, 'process.json'), JSON.stringify(description));
  const pidFile = join(session, 'pid');
  const args = [...runtime.oci.globalArguments, 'exec', '--process', join(session, 'process.json')];
  args.push('--pid-file', pidFile);
  const kill = (): void => {
    try {
      process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    } catch {
      // It has not begun, or is over.
    }
  };
  const cleanUp = (): void => rmSync(session, { recursive: true, force: true });
  try {
    if (options.terminal) {
      return runtime.oci.handsOverTerminals
        ? await withTerminal(runtime, args, container.id, session, kill, cleanUp)
        : withOwnTerminal(runtime, args, container.id, kill, cleanUp);
    }
    return withPipes(runtime, args, container.id, options.stdin, kill, cleanUp);
  } catch (error) {
    cleanUp();
    throw error;
  }
}

function withPipes(
  runtime: Runtime,
  args: readonly string[],
  id: string,
  wantsInput: boolean,
  kill: () => void,
  cleanUp: () => void,
): RunningExec {
  const child = spawn(runtime.oci.path, [...args, id], {
    stdio: [wantsInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  // Node makes the pipes of a child as sockets.
  const { stdout, stderr } = child as unknown as { stdout: Socket; stderr: Socket };
  child.stdin?.on('error', () => undefined);
  return {
    stdin: child.stdin ?? undefined,
    stdout,
    stderr,
    resize: () => undefined,
    kill: () => {
      kill();
      child.kill('SIGKILL');
    },
    exit: exitOf(child, [stdout, stderr]).finally(cleanUp),
  };
}

async function withTerminal(
  runtime: Runtime,
  args: readonly string[],
  id: string,
  session: string,
  kill: () => void,
  cleanUp: () => void,
): Promise<RunningExec> {
  const socketPath = join(session, 'tty');
  const console = await consoleSocket(socketPath);
  const child = spawn(runtime.oci.path, [...args, '--tty', '--console-socket', socketPath, id], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaint.length < 4096) complaint += chunk.toString();
  });
  const died = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      setTimeout(
        () => reject(new Error(complaint.trim() || `the command ended with code ${code}`)),
        50,
      ).unref();
    });
  });
  died.catch(() => undefined);
  let fd: number;
  try {
    fd = await Promise.race([console.descriptor, died]);
  } finally {
    console.close();
  }
  return overTerminal(fd, child, kill, cleanUp);
}

/** For an OCI runtime that wants to copy between a terminal of its caller and the one inside the container. */
function withOwnTerminal(
  runtime: Runtime,
  args: readonly string[],
  id: string,
  kill: () => void,
  cleanUp: () => void,
): RunningExec {
  const { controller, terminal: inner } = openPseudoTerminal();
  const child = spawn(runtime.oci.path, [...args, '--tty', id], { stdio: [inner, inner, inner] });
  closeSync(inner);
  // It is not the controlling terminal of anyone, so the kernel tells nobody of a new size.
  return overTerminal(controller, child, kill, cleanUp, () => child.kill('SIGWINCH'));
}

function overTerminal(
  fd: number,
  child: ChildProcess,
  kill: () => void,
  cleanUp: () => void,
  resized: () => void = () => undefined,
): RunningExec {
  const terminal = new ReadStream(fd);
  // The other end closing is reported as an input/output error.
  terminal.on('error', () => terminal.destroy());
  return {
    stdin: terminal,
    stdout: terminal,
    stderr: undefined,
    resize: (columns, rows) => {
      if (terminal.destroyed) return;
      setTerminalSize(fd, columns, rows);
      resized();
    },
    kill: () => {
      kill();
      child.kill('SIGKILL');
    },
    exit: exitOf(child, [terminal]).finally(cleanUp),
  };
}

/** Waits for the OCI runtime to hand over the terminal it made inside the container. */
async function consoleSocket(path: string): Promise<{ descriptor: Promise<number>; close: () => void }> {
  const server = createServer({ pauseOnConnect: true });
  const arrived = Promise.withResolvers<number>();
  arrived.promise.catch(() => undefined);
  const timer = setTimeout(() => arrived.reject(new Error('no terminal arrived in time')), terminalWaitMs);
  server.on('connection', (socket) => {
    // The descriptor rides on the message; Node's own read would drop it.
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    const attempt = (): void => {
      try {
        const received = receiveDescriptor(fd);
        if (received === undefined) {
          setTimeout(attempt, 2);
          return;
        }
        arrived.resolve(received);
      } catch (error) {
        arrived.reject(error instanceof Error ? error : new Error(String(error)));
      }
      socket.destroy();
    };
    attempt();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    descriptor: arrived.promise,
    close: () => {
      clearTimeout(timer);
      server.close();
    },
  };
}

function exitOf(child: ChildProcess, outputs: readonly Socket[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      const result = code ?? (signal === null ? 255 : 137);
      const stop = giveUpWhenSilent(outputs);
      void Promise.all(outputs.map(ended)).then(() => {
        stop();
        resolve(result);
      });
    });
  });
}

/** Ends outputs that say nothing more; one that waits for a slow reader is not silent. */
function giveUpWhenSilent(outputs: readonly Socket[]): () => void {
  const state = outputs.map((output) => ({ output, read: output.bytesRead, since: Date.now() }));
  const timer = setInterval(() => {
    for (const entry of state) {
      const { output } = entry;
      const held = output.readableFlowing === false || output.readableLength > 0;
      if (held || output.bytesRead !== entry.read) {
        entry.read = output.bytesRead;
        entry.since = Date.now();
      } else if (Date.now() - entry.since > drainMs) output.destroy();
    }
  }, drainMs / 8);
  return () => clearInterval(timer);
}

function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
}
