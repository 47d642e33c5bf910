/** Runs a transcript against a cluster with one release of the clients, and says what differs from what it expects. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { normalize } from './normalize.ts';
import {
  difference,
  expectedOf,
  type Printed,
  samePrinted,
  type Step,
  type Transcript,
  withPrinted,
} from './transcript.ts';

export interface Terminal {
  /** Such as `1.35`. */
  readonly release: string;
  /** Folders with the clients, in front of the machine's own. */
  readonly path: readonly string[];
  readonly kubeconfig: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Outcome {
  /** The transcript with what was printed in the place of what was expected. */
  readonly printed: readonly Step[];
  readonly differences: readonly { readonly command: string; readonly text: string }[];
}

const commandDeadlineMs = 90_000;
const expectedMs = 60_000;
/** While recording, what is expected is not known: what is printed after so long is taken. */
const settledMs = 4_000;

/** Functions that scripts may use. */
const prelude = `
# Waits until a file has a line that matches.
seen() { timeout 60 bash -c 'until grep -qE -- "$1" "$2" 2>/dev/null; do sleep 0.05; done' - "$2" "$1" || { echo "not seen: $2"; cat "$1"; }; }
`;

/** Whether what is printed becomes the expectation, of one release or of every one. */
export type Recording = 'no' | 'of this release' | 'of all releases';

export async function runTranscript(
  transcript: Pick<Transcript, 'steps'>,
  terminal: Terminal,
  recording: Recording = 'no',
): Promise<Outcome> {
  const whole = recording === 'of all releases';
  const directory = await mkdtemp(join(tmpdir(), 'timonier-clients-'));
  try {
    const home = join(directory, 'home');
    const work = join(directory, 'work');
    // What a client leaves there goes with the rest.
    const temporary = join(directory, 'tmp');
    for (const folder of [home, work, temporary]) await mkdir(folder);
    await writeFile(join(home, 'prelude'), prelude);
    const env = {
      HOME: home,
      TMPDIR: temporary,
      PATH: [...terminal.path, process.env['PATH']].join(':'),
      KUBECONFIG: terminal.kubeconfig,
      LC_ALL: 'C',
      TZ: 'UTC',
      ...terminal.env,
    };
    const printed: Step[] = [];
    const differences: { command: string; text: string }[] = [];
    const eventuallyMs = recording === 'no' ? expectedMs : settledMs;
    for (const step of transcript.steps) {
      const expected = expectedOf(step, terminal.release);
      const seen = await runStep(step, expected, eventuallyMs, work, env);
      printed.push(withPrinted(step, terminal.release, seen, whole));
      const text = difference(expected, seen);
      if (text !== undefined) differences.push({ command: step.command, text });
    }
    return { printed, differences };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runStep(
  step: Step,
  expected: Printed,
  eventuallyMs: number,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Printed> {
  const deadline = Date.now() + eventuallyMs;
  for (;;) {
    const seen = await runCommand(step.command, cwd, env);
    if (!step.eventually || samePrinted(expected, seen) || Date.now() > deadline) return seen;
    await pause(200);
  }
}

function runCommand(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Printed> {
  return new Promise((resolve) => {
    const child = execFile(
      'bash',
      ['-c', `. "$HOME/prelude"\n${command}`],
      { cwd, env, timeout: commandDeadlineMs, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const ended = error?.killed === true ? [`no end within ${commandDeadlineMs / 1000} s`] : [];
        resolve({
          stdout: normalize(stdout),
          stderr: [...normalize(stderr), ...ended],
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
        });
      },
    );
    child.stdin?.end();
  });
}
