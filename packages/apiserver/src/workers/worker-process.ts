/**
 * One worker as the process that holds the ports sees it: started, given connections, asked, started again when it ends
 * without having been told to, stopped.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { PortName } from '../http/front.ts';
import { Channel } from './channel.ts';
import type { WorkerLoad } from './distribution.ts';
import type { MetricsSnapshot } from './merged-metrics.ts';
import { workersVariable } from './variable.ts';

export interface WorkerProcessOptions {
  readonly index: number;
  readonly processes: number;
  /** Asked for at each start. */
  readonly argv: () => readonly string[];
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** It has begun, loaded the store, or ended. */
  readonly onChange: () => void;
  /** It could not start for the first time, and will not be started again. */
  readonly onHopeless: (code: number) => void;
  readonly onAudit: (lines: readonly string[]) => void;
  readonly answer: (question: string) => Promise<unknown>;
  /** What it had counted when it was last asked. */
  readonly onDeparted: (last: MetricsSnapshot) => void;
}

interface Handover {
  readonly port: PortName;
  readonly socket: Socket;
  /** Gets it back when the worker has gone before it was sent. */
  readonly failed: () => void;
}

const firstPauseMs = 100;
const maxPauseMs = 5_000;
/** Who has run for this long starts again with the short pause. */
const steadyMs = 30_000;
const killAfterMs = 4_000;

export class WorkerProcess {
  readonly #options: WorkerProcessOptions;
  #child: ChildProcess | undefined;
  #channel: Channel | undefined;
  #isOpen = false;
  #isLoaded = false;
  #sent = 0;
  #taken = 0;
  #open = 0;
  #waitingSince: number | undefined;
  readonly #queue: Handover[] = [];
  /** The connection that it was sent and has not confirmed. One at a time, so that a worker that ends loses one. */
  #underWay: Handover | undefined;
  #pauseMs = firstPauseMs;
  #wasOpen = false;
  #isStopping = false;
  #again: NodeJS.Timeout | undefined;
  #lastMetrics: MetricsSnapshot = [];
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
  }

  get index(): number {
    return this.#options.index;
  }

  get load(): WorkerLoad {
    return {
      isOpen: this.#isOpen,
      isLoaded: this.#isLoaded,
      connections: this.#open + this.#sent - this.#taken,
      waitingSince: this.#waitingSince,
    };
  }

  start(): void {
    const { argv, processes, index, log, onChange, onHopeless, onDeparted } = this.#options;
    const startedAt = performance.now();
    const child = fork(process.argv[1] ?? '', argv(), {
      env: { ...process.env, [workersVariable]: String(processes) },
      // Metrics and audit events are large; this is the quicker form.
      serialization: 'advanced',
    });
    this.#child = child;
    this.#sent = this.#taken = this.#open = 0;
    this.#waitingSince = undefined;
    this.#channel = new Channel(child, {
      notice: (name, value) => this.#notice(name, value),
      answer: (question) => this.#options.answer(question),
    });
    child.on('error', (error) => log.error({ worker: index, reason: String(error) }, 'worker failed'));
    // Without the line it can be told nothing; it ends by itself when it notices.
    child.once('disconnect', () => {
      this.#isOpen = false;
      if (!this.#isStopping) child.kill('SIGKILL');
    });
    child.once('exit', (code, signal) => {
      this.#isOpen = this.#isLoaded = false;
      this.#child = undefined;
      this.#channel = undefined;
      this.#giveBack();
      onDeparted(this.#lastMetrics);
      this.#lastMetrics = [];
      onChange();
      if (this.#isStopping) this.#ended.resolve();
      else if (!this.#wasOpen) onHopeless(code ?? 1);
      else {
        if (performance.now() - startedAt > steadyMs) this.#pauseMs = firstPauseMs;
        log.error(
          { worker: index, code, signal, againInMs: this.#pauseMs },
          'a worker ended; it is started again',
        );
        this.#again = setTimeout(() => this.start(), this.#pauseMs);
        this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
      }
    });
  }

  /** Hands a connection over; `failed` gets it back when the worker ends before it was sent to it. */
  hand(port: PortName, socket: Socket, failed: () => void): void {
    this.#sent++;
    this.#waitingSince ??= Date.now();
    this.#queue.push({ port, socket, failed });
    this.#sendNext();
  }

  #sendNext(): void {
    if (this.#underWay !== undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#underWay = next;
    this.#channel?.tell('connection', next.port, next.socket, (error) => {
      if (error === null || this.#underWay !== next) return;
      // It has ended; its exit gives back the others.
      this.#isOpen = false;
      this.#underWay = undefined;
      next.failed();
    });
  }

  #confirmed(): void {
    // The worker has it; this closes only what this process held of it.
    this.#underWay?.socket.destroy();
    this.#underWay = undefined;
    this.#sendNext();
  }

  /** Called when it has ended. What it may have read of a connection is lost, and so is that connection. */
  #giveBack(): void {
    this.#underWay?.socket.destroy();
    this.#underWay = undefined;
    for (const { failed } of this.#queue.splice(0)) failed();
  }

  setDuty(isOurs: boolean): void {
    this.#channel?.tell('duty', isOurs);
  }

  /** Resolves with why it is not ready; empty when it is. */
  async problem(): Promise<string> {
    if (!this.#isOpen || this.#channel === undefined) return `worker ${this.index} is not running`;
    const name = `worker ${this.index}`;
    try {
      const { ok, text } = (await this.#channel.ask('ready')) as { ok: boolean; text: string };
      return ok ? '' : `${name}: ${text.trim().replaceAll('\n', '; ')}`;
    } catch (error) {
      return `${name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** As of now, or as of when it last answered. */
  async metrics(): Promise<MetricsSnapshot> {
    const child = this.#child;
    if (!this.#isOpen || this.#channel === undefined) return [];
    const answer = (await this.#channel.ask('metrics').catch(() => undefined)) as MetricsSnapshot | undefined;
    if (child !== this.#child) return [];
    if (answer !== undefined) this.#lastMetrics = answer;
    return this.#lastMetrics;
  }

  /** Lets it finish what is under way; ends it when it takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#again);
    if (this.#child === undefined) return;
    this.#channel?.tell('stop');
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), killAfterMs);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  #notice(name: string, value: unknown): void {
    if (name === 'audit') this.#options.onAudit(value as readonly string[]);
    else if (name === 'load') {
      const { taken, open } = value as { taken: number; open: number };
      this.#open = open;
      if (taken === this.#taken) return;
      this.#waitingSince = taken === this.#sent ? undefined : Date.now();
      this.#taken = taken;
      this.#confirmed();
    } else {
      if (name === 'open') this.#isOpen = this.#wasOpen = true;
      if (name === 'loaded') this.#isLoaded = true;
      this.#options.onChange();
    }
  }
}
