/**
 * The side of a worker: one API server process that shares a master's ports with others. It takes the connections that
 * the process which holds the ports hands over, and ends with it.
 */
import type { Socket } from 'node:net';
import type { Health, Shutdown } from '@timonier/component';
import { dieWithParent } from '@timonier/linux/parent-death';
import type { Registry } from 'prom-client';
import type { ApiServer } from '../api-server.ts';
import type { SharedParts } from '../api-server-options.ts';
import type { AuditSink } from '../audit/counted-sink.ts';
import type { LogFileOptions } from '../audit/log-file.ts';
import { mostWaitingBytes } from '../audit/waiting-lines.ts';
import { Appointment } from '../duty.ts';
import type { PortName } from '../http/front.ts';
import { Channel, type ProcessEnd } from './channel.ts';
import { MergedMetrics } from './merged-metrics.ts';
import { workersVariable } from './variable.ts';

/** The check that asks for the others; left out when the others are asked. */
const othersCheck = 'workers';

export interface WorkerOptions {
  readonly processes: number;
  readonly metrics: Registry;
  readonly health: Health;
  readonly shutdown: Shutdown;
}

export class Worker {
  readonly #channel: Channel;
  readonly #appointment = new Appointment(false);
  readonly #options: WorkerOptions;
  #take: ((port: PortName, socket: Socket) => void) | undefined;
  #taken = 0;
  #open = 0;

  /** Throws when this process was not started by one that holds the ports. */
  constructor(options: WorkerOptions) {
    this.#options = options;
    if (process.send === undefined || !process.connected)
      throw new Error(`${workersVariable} is set, but this process was not started as a worker`);
    // The line breaks when the other end is gone; the kernel sees to it even when this process is too busy to notice.
    const end = (): never => process.exit(1);
    process.on('disconnect', end);
    options.shutdown.add('line to the process that holds the ports', () => {
      process.off('disconnect', end);
      process.disconnect();
    });
    if (!dieWithParent(process.ppid)) process.exit(1);
    const { health, metrics } = options;
    this.#channel = new Channel(process as unknown as ProcessEnd, {
      notice: (name, value, socket) => this.#notice(name, value, socket),
      answer: async (question) => {
        if (question === 'metrics') return metrics.getMetricsAsJSON();
        if (question === 'ready') return health.ready(false, new Set([othersCheck]));
        throw new Error(`a worker is not asked for ${question}`);
      },
    });
    health.addReady(othersCheck, async () => {
      const problem = await this.#channel.ask('readiness of others');
      if (problem !== '') throw new Error(String(problem));
    });
  }

  /** What this process has together with the others. */
  get shared(): SharedParts {
    return {
      processes: this.#options.processes,
      appointment: this.#appointment,
      takeConnections: (take) => {
        this.#take = take;
      },
      openAuditSink: (options) => this.#auditSink(options),
      metrics: {
        contentType: new MergedMetrics().contentType,
        metrics: async () => String(await this.#channel.ask('all metrics')),
      },
    };
  }

  /** To be called once the server has started. */
  started(server: Pick<ApiServer, 'loaded'>): void {
    this.#channel.tell('open');
    void server.loaded().then(() => this.#channel.tell('loaded'));
  }

  #notice(name: string, value: unknown, socket: Socket | undefined): void {
    if (name === 'duty') this.#appointment.set(value === true);
    else if (name === 'stop') void this.#options.shutdown.begin('the master’s API server stops');
    else if (name === 'connection') this.#accept(value as PortName, socket);
  }

  #accept(port: PortName, socket: Socket | undefined): void {
    this.#taken++;
    // The client may have gone on the way here.
    if (socket !== undefined) {
      this.#open++;
      socket.once('close', () => {
        this.#open--;
        this.#tellLoad();
      });
      if (this.#take === undefined) socket.destroy();
      else this.#take(port, socket);
    }
    this.#tellLoad();
  }

  #tellLoad(): void {
    this.#channel.tell('load', { taken: this.#taken, open: this.#open });
  }

  /** Events go to the process that has the file. What waits for it is bounded. */
  #auditSink({ bufferSize, onError }: LogFileOptions): AuditSink {
    const channel = this.#channel;
    let underWay = 0;
    let bytes = 0;
    let lines: string[] = [];
    let emptied: (() => void) | undefined;
    const flush = (): void => {
      const sent = lines;
      lines = [];
      channel.tell('audit', sent, undefined, (error) => {
        underWay -= sent.length;
        for (const line of sent) bytes -= line.length;
        if (underWay === 0) emptied?.();
        if (error !== null) onError('log', sent.length, error);
      });
    };
    return {
      write: (line) => {
        if (underWay >= bufferSize || (underWay > 0 && bytes + line.length > mostWaitingBytes)) {
          onError('buffered', 1, new Error('audit buffer queue blocked'));
          return;
        }
        underWay++;
        bytes += line.length;
        lines.push(line);
        if (lines.length === 1) setImmediate(flush);
      },
      close: () =>
        new Promise((resolve) => {
          if (underWay === 0) resolve();
          else emptied = resolve;
        }),
    };
  }
}
