/**
 * A room of its own for everything a chaos run makes: namespaces for network, mounts and processes that vanish with
 * the run, however it ends.
 *
 * The program starts itself again as process 1 of a new process namespace. Whatever it started there, mounted, or
 * plugged in is taken away by the kernel when process 1 ends, also after kill -9. The only thing outside is one
 * temporary folder, which the outer half removes. The inner half stops in good order when its standard input ends,
 * so that a signal to the outer half alone is enough.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runIp } from '@timonier/linux/ip';
import { mountTmpfs, setPropagation } from '@timonier/linux/mount';

const folderVariable = 'TIMONIER_CHAOS_FOLDER';
/** After it was asked to stop, the inner half may take so long to heal, check and report. */
const stopWithinMs = 90_000;

/** The folder of the run in the inner half, undefined in the outer one. */
export function sandboxFolder(): string | undefined {
  return process.env[folderVariable];
}

/** Outer half: runs `script` again inside, with the same arguments. Resolves with its exit code. */
export async function enterSandbox(script: string, args: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new Error('chaos needs root for namespaces and mounts; run it with sudo');
  const folder = mkdtempSync(join(tmpdir(), `timonier-chaos-${process.pid}-`));
  try {
    const child = spawn(
      'unshare',
      [
        '--net',
        '--mount',
        '--propagation',
        'private',
        '--pid',
        '--fork',
        '--kill-child',
        '--mount-proc',
        '--',
        process.execPath,
        script,
        ...args,
      ],
      { stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, [folderVariable]: folder } },
    );
    const ended = once(child, 'exit') as Promise<[number | null]>;
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.stdin.end();
      killer ??= setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
    child.stdin.on('error', () => undefined);
    const [code] = await ended;
    clearTimeout(killer);
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop);
    return code ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Inner half: makes the namespaces fit to work in. Aborted when the run shall end early. */
export async function settleIn(): Promise<AbortSignal> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('stopped by a signal'));
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  process.stdin.on('end', stop).on('error', stop).resume();
  process.stdin.unref();
  setPropagation('/', 'private', true);
  // Names of network namespaces are mounts below this folder: ours stay ours.
  mkdirSync('/run/netns', { recursive: true });
  mountTmpfs('/run/netns', 'mode=755');
  await runIp(['link set lo up']);
  return stopping.signal;
}
