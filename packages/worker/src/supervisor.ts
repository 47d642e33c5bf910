/**
 * Keeps the processes of a host running: a named set, started in order, stopped in reverse order. What runs is
 * written to `processes.json` for people and for `timonier status`.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Health } from '@timonier/component';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { LogFile } from './log-file.ts';
import { ManagedProcess, type ProcessSpec } from './managed-process.ts';
import { type ProcessEntry, processesPath } from './processes.ts';
import { startReaper } from './reaper.ts';

export const logDirectory = '/var/log/timonier';

export interface SupervisorOptions {
  readonly log: Logger;
  readonly metrics: Registry;
  readonly health: Health;
  readonly logDirectory?: string;
  readonly processesPath?: string;
}

export class Supervisor {
  readonly #log: Logger;
  readonly #logDirectory: string;
  readonly #processesPath: string;
  readonly #processes = new Map<string, ManagedProcess>();
  readonly #ends = new Map<string, { restarts: number; lastExit: string }>();
  readonly #logs: LogFile[] = [];
  readonly #stopReaper: () => void;
  readonly #restarts: Counter<'component'>;
  readonly #up: Gauge<'component'>;

  constructor({ log, metrics, health, ...options }: SupervisorOptions) {
    this.#log = log;
    this.#logDirectory = options.logDirectory ?? logDirectory;
    this.#processesPath = options.processesPath ?? processesPath;
    this.#restarts = new Counter({
      name: 'timonier_component_restarts_total',
      help: 'How often a component ended on its own and was started again.',
      labelNames: ['component'],
      registers: [metrics],
    });
    this.#up = new Gauge({
      name: 'timonier_component_up',
      help: '1 while the process of the component runs.',
      labelNames: ['component'],
      registers: [metrics],
    });
    health.addReady('processes', () => {
      const missing = [...this.#processes.values()].filter((process) => process.pid === undefined);
      if (missing.length > 0)
        throw new Error(`${missing.map(({ spec }) => spec.component).join(', ')} not running`);
    });
    this.#stopReaper = process.pid === 1 ? startReaper((pid) => this.#owns(pid)) : () => undefined;
  }

  start(spec: ProcessSpec): ManagedProcess {
    const { component } = spec;
    const file = new LogFile(join(this.#logDirectory, `${component}.log`));
    this.#logs.push(file);
    this.#restarts.inc({ component }, 0);
    const managed = new ManagedProcess(spec, file, {
      started: (pid) => {
        this.#up.set({ component }, 1);
        this.#log.info({ process: component, processId: pid }, 'started');
        this.#publish();
      },
      exited: (reason, pause) => {
        this.#up.set({ component }, 0);
        if (pause !== null) {
          this.#restarts.inc({ component });
          const restarts = (this.#ends.get(component)?.restarts ?? 0) + 1;
          this.#ends.set(component, { restarts, lastExit: reason });
        }
        this.#log[pause === null ? 'info' : 'warn']({ process: component, restartInMs: pause }, reason);
        this.#publish();
      },
    });
    this.#processes.set(component, managed);
    managed.start();
    return managed;
  }

  get(component: string): ManagedProcess | undefined {
    return this.#processes.get(component);
  }

  /** Stops the named components, later-started first; all when no names are given. */
  async stop(components: readonly string[] = [...this.#processes.keys()]): Promise<void> {
    for (const component of [...components].reverse()) {
      await this.#processes.get(component)?.stop();
      this.#processes.delete(component);
    }
    this.#publish();
  }

  /** Stops everything at the same time. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    this.#processes.clear();
    this.#publish();
    this.#stopReaper();
    for (const file of this.#logs) file.close();
  }

  #owns(pid: number): boolean {
    for (const process of this.#processes.values()) if (process.pid === pid) return true;
    return false;
  }

  #publish(): void {
    const entries: ProcessEntry[] = [];
    for (const [component, { pid }] of this.#processes) {
      const { restarts, lastExit } = this.#ends.get(component) ?? { restarts: 0, lastExit: null };
      entries.push({ component, pid: pid ?? null, restarts, lastExit });
    }
    try {
      mkdirSync(dirname(this.#processesPath), { recursive: true });
      writeFileSync(`${this.#processesPath}.tmp`, JSON.stringify(entries));
      renameSync(`${this.#processesPath}.tmp`, this.#processesPath);
    } catch (error) {
      this.#log.error({ err: error }, 'cannot write the list of processes');
    }
  }
}

/** The command line that runs another subcommand of this program. */
export function subcommand(name: string, args: readonly string[]): readonly string[] {
  return [process.execPath, process.argv[1] ?? '', name, ...args];
}

/** `--name=value` for each entry; entries without a value are left out. */
export function flagArguments(
  flags: Readonly<Record<string, string | readonly string[] | undefined>>,
): string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined || value.length === 0) return [];
    return [`--${name}=${typeof value === 'string' ? value : value.join(',')}`];
  });
}
