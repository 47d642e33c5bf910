/**
 * The processes that are measured: one member of our store and one API server over it, both on loopback and from the
 * sources. Invariant: `close` leaves no process and no file.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { cpuMicros } from '../store/cpu.ts';
import { StoreGroup, type StoreMember, timonier } from '../../test/conformance/store/members.ts';
import { until } from '../../test/acceptance/wait.ts';
import { send } from './client.ts';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

export class MeasuredServer {
  readonly #directory: string;
  readonly #store: StoreGroup;
  readonly #member: StoreMember;
  readonly #pki: ClusterPki;
  readonly #profile: string | undefined;
  #child: ChildProcess | undefined;
  #starts = 0;
  #port = 0;

  private constructor(options: {
    directory: string;
    store: StoreGroup;
    member: StoreMember;
    pki: ClusterPki;
    profile: string | undefined;
  }) {
    this.#directory = options.directory;
    this.#store = options.store;
    this.#member = options.member;
    this.#pki = options.pki;
    this.#profile = options.profile;
  }

  /** `profile`: a folder for a CPU profile of the API server, written when it ends. */
  static async start(profile?: string): Promise<MeasuredServer> {
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-apiserver-'));
    const store = await StoreGroup.start(timonier, 1);
    let server: MeasuredServer | undefined;
    try {
      const pki = await createClusterPki(directory, {
        masters: [{ name: 'master-1', address: '127.0.0.1' }],
        workers: [],
        serviceIp: '10.96.0.1',
      });
      server = new MeasuredServer({ directory, store, member: await store.leader(), pki, profile });
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
    const logFile = join(this.#directory, `apiserver-${this.#starts++}.log`);
    const log = openSync(logFile, 'a');
    const { certificateFile, keyFile } = this.#pki.files('apiserver');
    const flags = {
      'etcd-servers': this.#member.endpoint,
      'bind-address': '127.0.0.1',
      'secure-port': '0',
      'internal-port': '0',
      'ops-address': '',
      'tls-cert-file': certificateFile,
      'tls-private-key-file': keyFile,
      'client-ca-file': this.#pki.caFile,
    };
    const child = spawn(
      process.execPath,
      [
        ...(this.#profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.#profile}`]),
        main,
        'apiserver',
        ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      ],
      { stdio: ['ignore', log, log] },
    );
    this.#child = child;
    closeSync(log);
    this.#port = await until('the API server serves', 60_000, () => {
      const text = readFileSync(logFile, 'utf8');
      const found = /"port":(\d+)[^\n]*"serving"/.exec(text);
      if (found === null && child.exitCode !== null) throw new Error(`it ended:\n${text}`);
      return Promise.resolve(found === null ? undefined : Number(found[1]));
    });
    const session = this.connect();
    await until('the API server is ready', 120_000, async () =>
      (await send(session, { method: 'GET', path: '/readyz' })).status === 200 ? true : undefined,
    );
    session.destroy();
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }

  /** A connection of its own, as the administrator. */
  connect(): ClientHttp2Session {
    const { certificateFile, keyFile } = this.#pki.files('admin');
    const session = connect(`https://127.0.0.1:${this.#port}`, {
      servername: 'localhost',
      ca: readFileSync(this.#pki.caFile),
      cert: readFileSync(certificateFile),
      key: readFileSync(keyFile),
      settings: { initialWindowSize: 16 * 1024 * 1024 },
    });
    session.setMaxListeners(0);
    session.once('connect', () => session.setLocalWindowSize(64 * 1024 * 1024));
    return session;
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
