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
/** For an OCI runtime to say which process it has made, before it is killed all the same. */
const beginMs = 10_000;

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
  const killerOf = (child: ChildProcess): (() => void) => killer(pidFile, child);
  const cleanUp = (): void => rmSync(session, { recursive: true, force: true });
  try {
    if (options.terminal) {
      return runtime.oci.handsOverTerminals
        ? await withTerminal(runtime, args, container.id, session, killerOf, cleanUp)
        : withOwnTerminal(runtime, args, container.id, killerOf, cleanUp);
    }
    return withPipes(runtime, args, container.id, options.stdin, killerOf, cleanUp);
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
  killerOf: (child: ChildProcess) => () => void,
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
    kill: killerOf(child),
    exit: exitOf(child, [stdout, stderr]).finally(cleanUp),
  };
}

async function withTerminal(
  runtime: Runtime,
  args: readonly string[],
  id: string,
  session: string,
  killerOf: (child: ChildProcess) => () => void,
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
  return overTerminal(fd, child, killerOf(child), cleanUp);
}

/** For an OCI runtime that wants to copy between a terminal of its caller and the one inside the container. */
function withOwnTerminal(
  runtime: Runtime,
  args: readonly string[],
  id: string,
  killerOf: (child: ChildProcess) => () => void,
  cleanUp: () => void,
): RunningExec {
  const { controller, terminal: inner } = openPseudoTerminal();
  const child = spawn(runtime.oci.path, [...args, '--tty', id], { stdio: [inner, inner, inner] });
  closeSync(inner);
  // It is not the controlling terminal of anyone, so the kernel tells nobody of a new size.
  return overTerminal(controller, child, killerOf(child), cleanUp, () => child.kill('SIGWINCH'));
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
    kill,
    exit: exitOf(child, [terminal]).finally(cleanUp),
  };
}

/**
 * Kills a command and the OCI runtime that waits for it, in this order: a runtime that is killed when it has made the process
 * and not yet told which one it is leaves a command that nobody can find.
 */
function killer(pidFile: string, child: ChildProcess): () => void {
  let begun = false;
  return () => {
    if (begun) return;
    begun = true;
    const latest = Date.now() + beginMs;
    const attempt = (): void => {
      const pid = readPid(pidFile);
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (pid === undefined && !isOver && Date.now() < latest) {
        setTimeout(attempt, 10);
        return;
      }
      if (pid !== undefined) killProcess(pid);
      child.kill('SIGKILL');
    };
    attempt();
  };
}

/** Undefined until all of it is written. */
function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // 0 would be everything that belongs to this process.
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is over.
  }
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
