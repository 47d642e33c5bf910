/**
 * The processes that are measured: one member of a store and one API server over it, both on loopback. Invariant: `close`
 * leaves no process and no file.
 */
import { testPort } from '@timonier/linux/test-ports';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { StoreGroup, type StoreMember } from '../../test/conformance/store/members.ts';
import { until } from '../../test/acceptance/wait.ts';
import { cpuMicros } from '../store/cpu.ts';
import { send } from './client.ts';
import type { ApiServerProgram } from './programs.ts';
import { Session } from './session.ts';

const endWithinMs = 20_000;

export class MeasuredServer {
  readonly #program: ApiServerProgram;
  readonly #directory: string;
  readonly #store: StoreGroup;
  readonly #member: StoreMember;
  readonly #pki: ClusterPki;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #starts = 0;

  private constructor(
    program: ApiServerProgram,
    parts: { directory: string; store: StoreGroup; member: StoreMember; pki: ClusterPki; port: number },
  ) {
    this.#program = program;
    this.#directory = parts.directory;
    this.#store = parts.store;
    this.#member = parts.member;
    this.#pki = parts.pki;
    this.#port = parts.port;
  }

  static async start(program: ApiServerProgram): Promise<MeasuredServer> {
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-apiserver-'));
    const store = await StoreGroup.start(program.store, 1);
    let server: MeasuredServer | undefined;
    try {
      const pki = await createClusterPki(directory, {
        masters: [{ name: 'master-1', address: '127.0.0.1' }],
        workers: [],
        serviceIp: '10.96.0.1',
      });
      const member = await store.leader();
      server = new MeasuredServer(program, { directory, store, member, pki, port: await testPort() });
      await server.#begin();
      return server;
    } catch (error) {
      if (server !== undefined) await server.close();
      else {
        await store.close();
        await rm(directory, { recursive: true, force: true });
      }
      throw error;
    }
  }

  get name(): ApiServerProgram['name'] {
    return this.#program.name;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get storePid(): number {
    return this.#member.pid;
  }

  get storeEndpoint(): string {
    return this.#member.endpoint;
  }

  /** Ends the API server and starts it over the same store. What it took until it was ready, its CPU in µs. */
  async restart(): Promise<{ readonly milliseconds: number; readonly cpu: number }> {
    await this.#end();
    const start = performance.now();
    await this.#begin();
    return { milliseconds: performance.now() - start, cpu: cpuMicros([this.pid]) };
  }

  async #begin(): Promise<void> {
    const { file, args, flags, name } = this.#program;
    const logFile = join(this.#directory, `apiserver-${this.#starts++}.log`);
    const log = openSync(logFile, 'a');
    const place = { port: this.#port, storeEndpoint: this.#member.endpoint, pki: this.#pki };
    const settings = Object.entries(flags(place)).map(([flag, value]) => `--${flag}=${value}`);
    const child = spawn(file, [...args, ...settings], { stdio: ['ignore', log, log] });
    this.#child = child;
    closeSync(log);
    const isReady = async (): Promise<true | undefined> => {
      if (child.exitCode !== null || child.signalCode !== null) return true;
      const session = await this.connect();
      try {
        return (await send(session, { method: 'GET', path: '/readyz' })).status === 200 ? true : undefined;
      } finally {
        session.destroy();
      }
    };
    await until(`the API server of ${name} is ready`, 120_000, isReady);
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the API server of ${name} ended:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`);
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
    await gone;
    clearTimeout(late);
  }

  /** A connection of its own, as the administrator. */
  connect(): Promise<Session> {
    const { certificateFile, keyFile } = this.#pki.files('admin');
    return this.#open({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) });
  }

  connections(count: number): Promise<Session[]> {
    return Promise.all(Array.from({ length: count }, () => this.connect()));
  }

  /** A connection of its own, as nobody: its requests say whose they are. */
  connectWithoutCertificate(): Promise<Session> {
    return this.#open({});
  }

  #open(identity: { readonly cert?: Buffer; readonly key?: Buffer }): Promise<Session> {
    return Session.open(this.#port, { ca: readFileSync(this.#pki.caFile), ...identity });
  }

  /** Bytes resident now, and the most since the last `resetPeak`. */
  memory(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const field = (name: string): number =>
      Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) * 1024;
    return { now: field('VmRSS'), peak: field('VmHWM') };
  }

  /** Lets the kernel's record of the most resident bytes begin anew. */
  resetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#store.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
