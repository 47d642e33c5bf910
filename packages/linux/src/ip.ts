/**
 * Links, addresses and routes through iproute2's batch mode: many commands, one process, in order.
 *
 * `runIp` runs a list to its end. `IpSession` keeps one `ip` process and feeds it a command at a time, for callers
 * that refresh something several times a second and must not fork for it.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

class IpError extends Error {
  override readonly name = 'IpError';
}

interface IpOptions {
  /** Name of a network namespace under /run/netns; the caller's own when absent. */
  readonly netns?: string;
  /** Keep going after a command that fails, and do not reject. */
  readonly force?: boolean;
  readonly timeoutMs?: number;
}

/** Runs `ip` commands (without the leading `ip`) in one process; resolves with what they print. */
export async function runIp(commands: readonly string[], options: IpOptions = {}): Promise<string> {
  const args = [
    ...(options.netns === undefined ? [] : ['-n', options.netns]),
    ...(options.force === true ? ['-force'] : []),
    '-batch',
    '-',
  ];
  const child = spawn('ip', args, { timeout: options.timeoutMs ?? 10_000, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A child that died before reading its input is reported by its exit, not by the broken pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${commands.join('\n')}\n`);
  const code = await exitOf(child);
  if (code !== 0 && options.force !== true) {
    const failedLine = /Command failed -:(\d+)/.exec(stderr)?.[1];
    const command = failedLine === undefined ? commands.join('; ') : commands[Number(failedLine) - 1];
    throw new IpError(
      `ip ${command ?? ''}: ${stderr.replace(/Command failed.*/, '').trim() || `exit ${code}`}`,
    );
  }
  return stdout;
}

/** One long-lived `ip -force -batch -`. Errors of single commands go to `onError` and do not end it. */
export class IpSession {
  readonly #onError: (error: IpError) => void;
  #child: ChildProcessWithoutNullStreams | undefined;
  #closed = false;

  constructor(onError: (error: IpError) => void) {
    this.#onError = onError;
  }

  /** Hands commands to the kernel, in order. Starts the process anew when it is gone. */
  send(...commands: readonly string[]): void {
    if (this.#closed) return;
    this.#child ??= this.#start();
    this.#child.stdin.write(`${commands.join('\n')}\n`);
  }

  /** Lets the commands under way finish, then ends the process. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined) return;
    const exited = exitOf(child);
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 1_000);
    await exited.catch(() => undefined);
    clearTimeout(timer);
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn('ip', ['-force', '-batch', '-']);
    const gone = (): void => {
      if (this.#child === child) this.#child = undefined;
    };
    child.on('exit', gone);
    child.on('error', (error) => {
      gone();
      this.#onError(new IpError(`cannot run ip: ${error.message}; install the Debian package iproute2`));
    });
    child.stdin.on('error', gone);
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const reason = text.replace(/^Command failed.*$/gm, '').trim();
      if (reason !== '') this.#onError(new IpError(reason));
    });
    return child;
  }
}

function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      reject(
        new IpError(`cannot run ip: ${error.message}; install the Debian package iproute2`, { cause: error }),
      );
    });
    child.on('close', (code) => resolve(code));
  });
}
