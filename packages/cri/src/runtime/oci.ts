/**
 * The OCI runtime (crun or runc) and conmon, the small process that holds a container's output, input and exit code
 * while this process may come and go.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ProcessId } from './records.ts';
import { identify } from './process.ts';
import { runProgram } from './spawn.ts';
import type { Settings } from './settings.ts';

const createTimeoutMs = 60_000;
const commandTimeoutMs = 30_000;

export class OciRuntime {
  readonly path: string;
  readonly #conmon: string;
  readonly #stateRoot: string;
  readonly exitsFolder: string;

  constructor(settings: Settings) {
    this.path = settings.ociRuntime;
    this.#conmon = settings.conmon;
    // Each runtime has a form of its own for what it keeps here.
    this.#stateRoot = join(settings.state, basename(this.path));
    this.exitsFolder = join(settings.state, 'exits');
    mkdirSync(this.#stateRoot, { recursive: true });
    mkdirSync(this.exitsFolder, { recursive: true });
  }

  /** The arguments that come before every verb of the runtime. */
  get globalArguments(): string[] {
    return ['--root', this.#stateRoot];
  }

  /** Whether `exec` in the foreground can pass its terminal on; runc does so only when it detaches. */
  get handsOverTerminals(): boolean {
    return basename(this.path) === 'crun';
  }

  /** Creates a container under conmon. Its first process waits for `start`. */
  async createMonitored(options: {
    readonly id: string;
    readonly bundle: string;
    readonly logPath: string;
    readonly terminal: boolean;
    readonly stdin: boolean;
    readonly stdinOnce: boolean;
  }): Promise<ProcessId> {
    const args = ['--api-version', '1', '--cid', options.id, '--cuuid', options.id, '--name', options.id];
    args.push('--runtime', this.path, ...this.globalArguments.flatMap((arg) => ['--runtime-arg', arg]));
    args.push('--bundle', options.bundle, '--full-attach');
    args.push('--container-pidfile', join(options.bundle, 'pid'));
    args.push('--conmon-pidfile', join(options.bundle, 'conmon.pid'));
    args.push('--exit-dir', this.exitsFolder, '--persist-dir', options.bundle);
    args.push('--log-path', options.logPath === '' ? 'null:' : `k8s-file:${options.logPath}`);
    args.push('--log-level', 'error');
    if (options.terminal) args.push('--terminal');
    if (options.stdin) args.push('--stdin');
    if (options.stdin && !options.stdinOnce) args.push('--leave-stdin-open');
    const child = spawn(this.#conmon, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      cwd: options.bundle,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: '3' },
    });
    const started = new Promise<never>((_resolve, reject) => {
      child.once('error', (error) => reject(new Error(`cannot run ${this.#conmon}: ${error.message}`)));
    });
    const answer = await Promise.race([readSyncPipe(child.stdio[3] as Readable, child.stderr), started]);
    const identity = identify(answer);
    if (identity === undefined) throw new Error(`process ${answer} of the container ended at once`);
    return identity;
  }

  /** Runs a container in the background without conmon: nothing of it is read and its exit code does not matter. */
  async runDetached(id: string, bundle: string): Promise<ProcessId> {
    const pidFile = join(bundle, 'pid');
    await this.#command(['run', '--detach', '--bundle', bundle, '--pid-file', pidFile, id], createTimeoutMs);
    const identity = identify(Number(readFileSync(pidFile, 'utf8')));
    if (identity === undefined) throw new Error('the pause process ended at once');
    return identity;
  }

  async start(id: string): Promise<void> {
    await this.#command(['start', id]);
  }

  /** Signals every process of a container; none left is fine. */
  async killAll(id: string, signal: string): Promise<void> {
    const result = await runProgram(this.path, [...this.globalArguments, 'kill', '--all', id, signal], {
      timeoutMs: commandTimeoutMs,
    });
    if (result.code !== 0) await this.kill(id, signal);
  }

  async kill(id: string, signal: string): Promise<void> {
    await runProgram(this.path, [...this.globalArguments, 'kill', id, signal], {
      timeoutMs: commandTimeoutMs,
    });
  }

  /** Forgets a container and kills what is left of it. A container that is not there is fine. */
  async delete(id: string): Promise<void> {
    const args = [...this.globalArguments, 'delete', '--force', id];
    const result = await runProgram(this.path, args, { timeoutMs: commandTimeoutMs });
    if (result.code !== 0 && !/does not exist|No such file/.test(result.stderr.toString())) {
      throw new Error(`${this.path} delete ${id}: ${lastLine(result.stderr)}`);
    }
  }

  /** Changes limits of a running container; `resources` is the OCI form. */
  async update(id: string, resources: object): Promise<void> {
    // A file and not a pipe: Node's pipes are sockets, which cannot be opened by the name /dev/stdin.
    const file = join(this.#stateRoot, `${id}.update.json`);
    writeFileSync(file, JSON.stringify(resources));
    try {
      const args = [...this.globalArguments, 'update', '--resources', file, id];
      const result = await runProgram(this.path, args, { timeoutMs: commandTimeoutMs });
      if (result.code !== 0) throw new Error(`${this.path} update ${id}: ${lastLine(result.stderr)}`);
    } finally {
      rmSync(file, { force: true });
    }
  }

  async version(): Promise<string> {
    const result = await runProgram(this.path, ['--version'], { timeoutMs: commandTimeoutMs });
    return /version\s+(\S+)/.exec(result.stdout.toString())?.[1] ?? 'unknown';
  }

  async #command(args: readonly string[], timeoutMs = commandTimeoutMs): Promise<void> {
    // The container inherits stdout and stderr and keeps them open, so they cannot be pipes that are read to the end.
    const result = await new Promise<{ code: number | null; text: string }>((resolve, reject) => {
      const child = spawn(this.path, [...this.globalArguments, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => {
        if (text.length < 64 * 1024) text += chunk.toString();
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      child.on('error', reject);
      child.on('exit', (code) => {
        clearTimeout(timer);
        // What was written before the exit is in the pipe already.
        setImmediate(() => {
          child.stderr.destroy();
          resolve({ code, text });
        });
      });
    });
    if (result.code !== 0) {
      throw new Error(`${this.path} ${args[0] ?? ''}: ${lastLine(Buffer.from(result.text))}`);
    }
  }
}

/** conmon tells the container's process number, or why there is none, in one line of JSON. */
async function readSyncPipe(pipe: Readable, stderr: Readable | null): Promise<number> {
  let noise = '';
  stderr?.on('data', (chunk: Buffer) => {
    if (noise.length < 16 * 1024) noise += chunk.toString();
  });
  const timer = setTimeout(() => pipe.destroy(new Error('conmon did not answer in time')), createTimeoutMs);
  let text = '';
  try {
    for await (const chunk of pipe) {
      text += String(chunk);
      if (text.includes('\n')) break;
    }
  } finally {
    clearTimeout(timer);
    stderr?.destroy();
  }
  if (text === '') throw new Error(`conmon ended without an answer: ${lastLine(Buffer.from(noise))}`);
  const answer = JSON.parse(text) as { data?: number; pid?: number; message?: string };
  const pid = answer.data ?? answer.pid ?? -1;
  if (pid <= 0) throw new Error(answer.message?.trim() ?? `the container could not be created (${pid})`);
  return pid;
}

function lastLine(text: Buffer): string {
  const line = text.toString('utf8').trim().split('\n').at(-1) ?? '';
  return line === '' ? 'no message' : line;
}
