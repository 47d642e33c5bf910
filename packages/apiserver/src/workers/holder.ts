/**
 * Several API server processes as one server of a master: holds the ports, hands every new connection to the worker with
 * the fewest, gives one of them the duty, starts again who ends, and answers for all of them together.
 *
 * It speaks neither TLS nor HTTP and keeps no objects, so that it is small and never busy. Invariants: a port stays open
 * whatever becomes of a worker; at most one worker has the duty; when this process ends, so do the workers.
 */
import type { Socket } from 'node:net';
import type { Exposition, Health } from '@timonier/component';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AuditSink } from '../audit/counted-sink.ts';
import type { PortName } from '../http/front.ts';
import { chooseWorker } from './distribution.ts';
import { MergedMetrics } from './merged-metrics.ts';
import { SharedPorts } from './ports.ts';
import { WorkerProcess } from './worker-process.ts';

export interface HolderOptions {
  readonly workers: number;
  /** The command line of a worker. */
  readonly argv: readonly string[];
  readonly bindAddress: string;
  readonly securePort: number;
  /** Undefined: no other masters. */
  readonly internalPort: number | undefined;
  /** Empty: none. */
  readonly privateSocket: string;
  /** Undefined: nothing is recorded. */
  readonly auditLog: AuditSink | undefined;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly health: Health;
  readonly onHopeless: (code: number) => void;
}

/** Connections that wait for a worker to be there. */
const maxHeld = 1_000;

export class Holder {
  readonly #options: HolderOptions;
  readonly #workers: readonly WorkerProcess[];
  readonly #ports: SharedPorts;
  readonly #merged = new MergedMetrics();
  readonly #held: { readonly port: PortName; readonly socket: Socket }[] = [];
  readonly #accepted: Counter;
  readonly #restarts: Counter;
  #next = 0;
  #port = 0;
  #onDuty: WorkerProcess | undefined;
  readonly #firstIsOpen = Promise.withResolvers<boolean>();

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#ports = new SharedPorts((port, socket) => this.#hand(port, socket));
    const registers = [options.metrics];
    this.#accepted = new Counter({
      name: 'timonier_apiserver_worker_connections_total',
      help: 'Connections handed to workers.',
      labelNames: ['worker'],
      registers,
    });
    this.#restarts = new Counter({
      name: 'timonier_apiserver_worker_exits_total',
      help: 'How often a worker ended.',
      labelNames: ['worker'],
      registers,
    });
    const open: Gauge = new Gauge({
      name: 'timonier_apiserver_worker_open_connections',
      help: 'Connections that a worker has.',
      labelNames: ['worker'],
      registers,
      collect: () => {
        for (const { index, load } of this.#workers) open.set({ worker: String(index) }, load.connections);
      },
    });
    this.#workers = Array.from({ length: options.workers }, (_unused, index) => this.#worker(index));
    for (const worker of this.#workers) {
      options.health.addReady(`worker-${worker.index}`, async () => {
        const problem = await worker.problem();
        if (problem !== '') throw new Error(problem);
      });
      this.#restarts.inc({ worker: String(worker.index) }, 0);
    }
  }

  /**
   * Listens, and starts the workers; the others after the first, which finds what is wrong with flags and files. Returns
   * the secure port, or undefined when the first could not start.
   */
  async start(): Promise<number | undefined> {
    const { bindAddress, securePort, internalPort, privateSocket } = this.#options;
    this.#port = await this.#ports.listen('public', bindAddress, securePort);
    if (internalPort !== undefined) await this.#ports.listen('internal', bindAddress, internalPort);
    if (privateSocket !== '') await this.#ports.listenPrivate(privateSocket);
    const [first, ...others] = this.#workers;
    first?.start();
    if (!(await this.#firstIsOpen.promise)) return undefined;
    for (const worker of others) worker.start();
    return this.#port;
  }

  /** Takes no more connections, and lets the workers end what is under way. */
  async stop(): Promise<void> {
    this.#ports.close();
    for (const { socket } of this.#held.splice(0)) socket.destroy();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await this.#options.auditLog?.close();
  }

  /** The metrics of this process and of all workers. */
  get exposition(): Exposition {
    const { metrics } = this.#options;
    return {
      contentType: this.#merged.contentType,
      metrics: async () => {
        const own = await metrics.getMetricsAsJSON();
        return this.#merged.text([own, ...(await Promise.all(this.#workers.map((one) => one.metrics())))]);
      },
    };
  }

  #worker(index: number): WorkerProcess {
    const { argv, log, workers, auditLog } = this.#options;
    const worker: WorkerProcess = new WorkerProcess({
      index,
      processes: workers,
      // Workers do not listen, but write down where their server is reached.
      argv: () => [...argv, `--secure-port=${this.#port}`],
      log,
      onChange: () => this.#changed(worker),
      onHopeless: (code) => {
        this.#firstIsOpen.resolve(false);
        this.#options.onHopeless(code);
      },
      onAudit: (lines) => {
        for (const line of lines) auditLog?.write(line);
      },
      answer: async (question) => {
        if (question === 'all metrics') return this.exposition.metrics();
        if (question === 'readiness of others') return this.#problemsBut(worker);
        throw new Error(`nobody answers for ${question}`);
      },
      onDeparted: (last) => {
        this.#restarts.inc({ worker: String(index) });
        this.#merged
          .depart(last)
          .catch((error: unknown) => log.error({ reason: String(error) }, 'lost counts'));
      },
    });
    return worker;
  }

  async #problemsBut(worker: WorkerProcess): Promise<string> {
    const others = this.#workers.filter((other) => other !== worker);
    const problems = await Promise.all(others.map((other) => other.problem()));
    return problems.filter((problem) => problem !== '').join(', ');
  }

  #changed(worker: WorkerProcess): void {
    if (worker.load.isOpen) this.#firstIsOpen.resolve(true);
    if (this.#onDuty?.load.isOpen !== true) {
      // One that has ended does not know; nobody else has it.
      this.#onDuty = this.#workers.find(({ load }) => load.isOpen);
      this.#onDuty?.setDuty(true);
    }
    for (const { port, socket } of this.#held.splice(0)) this.#hand(port, socket);
  }

  #hand(port: PortName, socket: Socket): void {
    const loads = this.#workers.map(({ load }) => load);
    const index = chooseWorker(loads, this.#next, Date.now());
    const worker = this.#workers[index];
    if (worker === undefined) {
      if (this.#held.length >= maxHeld) socket.destroy();
      else this.#held.push({ port, socket });
      return;
    }
    this.#next = (index + 1) % this.#workers.length;
    this.#accepted.inc({ worker: String(index) });
    worker.hand(port, socket, () => {
      if (!socket.destroyed) this.#hand(port, socket);
    });
  }
}
