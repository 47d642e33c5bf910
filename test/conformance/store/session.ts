/**
 * Plays the script on one store and returns what etcdctl printed for each step, normalised.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Output } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import type { StoreMember } from './members.ts';
import { Normalizer } from './normalize.ts';
import type { Begin, End, Step, Wait } from './steps.ts';

export interface Played {
  /** The line of the script. */
  readonly line: string;
  readonly output: Output;
}

interface Running {
  readonly line: string;
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
}

/** Longer than a lease's shortest life, and than etcdctl's own patience. */
const deadlineMs = 60_000;

export class Session {
  /** Lines of the script that never printed what was waited for. A store that cannot do it prints nothing, and the run goes on. */
  readonly overdue: string[] = [];
  readonly #member: StoreMember;
  readonly #directory: string;
  readonly #normalizer: Normalizer;
  readonly #saved = new Map<string, string>();
  readonly #running = new Map<string, Running>();

  private constructor(member: StoreMember, directory: string) {
    this.#member = member;
    this.#directory = directory;
    this.#saved.set('directory', directory);
    this.#saved.set('url', member.endpoint);
    this.#normalizer = new Normalizer({
      directory,
      url: member.endpoint,
      endpoint: member.address,
    });
  }

  static async open(member: StoreMember): Promise<Session> {
    return new Session(member, await mkdtemp(join(tmpdir(), 'store-session-')));
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(async ({ child }) => end(child, 'SIGKILL')));
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Undefined for a step that prints nothing by itself. */
  async play(step: Step): Promise<Played | undefined> {
    if (typeof step === 'string') return this.play({ call: step });
    if ('begin' in step) {
      await this.#begin(step);
      return undefined;
    }
    if ('end' in step) return this.#end(step);
    if ('wait' in step) return this.#wait(step);
    const args = words(step.call).map((word) => this.#fill(word));
    const output = await this.#member.etcdctl(args, { input: this.#fill(step.input ?? '') });
    if (step.save !== undefined)
      this.#saved.set(step.save.name, step.save.pattern.exec(output.stdout)?.[1] ?? '0');
    return { line: step.call, output: this.#normalized(output, step.unordered) };
  }

  async #wait({ wait, matches }: Wait): Promise<Played> {
    let output: Output = { code: -1, stdout: '', stderr: '' };
    await until(`"${wait}" prints ${String(matches)}`, deadlineMs, async () => {
      output = await this.#member.etcdctl(words(wait).map((word) => this.#fill(word)));
      return matches.test(output.stdout) ? true : undefined;
    }).catch(() => this.overdue.push(wait));
    return { line: wait, output: this.#normalized(output) };
  }

  #fill(text: string): string {
    return text.replace(/\$([a-z]+)/g, (whole, name: string) => this.#saved.get(name) ?? whole);
  }

  #normalized(output: Output, unordered?: true): Output {
    const normalized = this.#normalizer.output(output);
    if (unordered !== true) return normalized;
    return { ...normalized, stdout: normalized.stdout.split('\n').sort().join('\n') };
  }

  async #begin({ begin, as, input, ready }: Begin): Promise<void> {
    const args = words(begin).map((word) => this.#fill(word));
    const child = spawn('etcdctl', ['--endpoints', this.#member.address, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
    const running: Running = { line: begin, child, stdout: '', stderr: '' };
    this.#running.set(as, running);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (running.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (running.stderr += text));
    child.stdin.on('error', () => undefined);
    // The input stays open: an interactive watch ends with it.
    if (input !== undefined) child.stdin.write(this.#fill(input));
    if (ready !== undefined)
      await until(`"${begin}" prints ${String(ready)}`, deadlineMs, () =>
        ready.test(running.stdout) || child.exitCode !== null ? true : undefined,
      ).catch(() => this.overdue.push(begin));
  }

  async #end({ end: name, lines, unordered }: End): Promise<Played> {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`the script ends "${name}", which never began`);
    const { child } = running;
    const enough = (): boolean => running.stdout.split('\n').length > lines;
    await until(`"${name}" prints ${lines} lines`, deadlineMs, () =>
      enough() || child.exitCode !== null ? true : undefined,
    ).catch(() => this.overdue.push(`${running.line} (${name})`));
    // Whatever it prints too much should be seen, too.
    await Promise.race([pause(100), child.exitCode === null ? once(child, 'exit') : undefined]);
    await end(child, 'SIGINT');
    this.#running.delete(name);
    const output = { code: child.exitCode ?? -1, stdout: running.stdout, stderr: running.stderr };
    return { line: `${running.line} (${name})`, output: this.#normalized(output, unordered) };
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  // How it ended is compared: only one that never would is ended by force.
  const forced = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  await closed;
  clearTimeout(forced);
}

/** Splits a line into words; both kinds of quotes keep spaces and may be empty. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
}
