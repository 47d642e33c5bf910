/**
 * Runs Go's command behind everything else that the machine does: a build of Kubernetes takes all processors for many
 * minutes. Ends with its whole process group when ours is told to end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';

export interface GoRun {
  readonly code: number;
  readonly stdout: string;
  /** The last lines, without those that were taken for progress. */
  readonly complaint: string;
}

const keptLines = 40;

/** Where the kernel shares time between sessions, a nice value counts inside its own only; the session has one, too. */
function yieldToOtherSessions(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '19');
  } catch {
    // A kernel without groups goes by the nice value alone.
  }
}

const running = new Set<ChildProcess>();

/** Sends a signal to everything that was started here and still runs. */
export function stopGo(signal: NodeJS.Signals): void {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, signal);
}

/** Resolves with undefined when there is no `go`. `onLine` hears each line of its standard error, and says whether it was progress. */
export async function runGo(
  args: readonly string[],
  cwd: string,
  onLine: (line: string) => boolean = () => false,
  environment: Readonly<Record<string, string>> = {},
): Promise<GoRun | undefined> {
  // Whatever surrounds our checkout is no part of the module.
  const env = { ...process.env, ...environment, GOWORK: 'off' };
  const child = spawn('nice', ['-n', '19', 'go', ...args], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  running.add(child);
  try {
    if (child.pid !== undefined) yieldToOtherSessions(child.pid);
    const complaint: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (onLine(line)) return;
      complaint.push(line);
      if (complaint.length > keptLines) complaint.shift();
    });
    const [code, output] = await Promise.all([ended, buffer(child.stdout)]);
    // What `nice` ends with when the command is not there.
    if (code === 127) return undefined;
    return { code, stdout: output.toString(), complaint: complaint.join('\n') };
  } finally {
    running.delete(child);
  }
}
