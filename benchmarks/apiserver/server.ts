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
import { StoreGroup, timonier } from '../../test/conformance/store/members.ts';
import { until } from '../../test/acceptance/wait.ts';
import { send } from './client.ts';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

export class MeasuredServer {
  readonly pid: number;
  readonly storePid: number;
  readonly port: number;
  readonly #pki: ClusterPki;
  readonly #close: () => Promise<void>;

  private constructor(options: {
    pid: number;
    storePid: number;
    port: number;
    pki: ClusterPki;
    close: () => Promise<void>;
  }) {
    this.pid = options.pid;
    this.storePid = options.storePid;
    this.port = options.port;
    this.#pki = options.pki;
    this.#close = options.close;
  }

  /** `profile`: a folder for a CPU profile of the API server, written when it ends. */
  static async start(profile?: string): Promise<MeasuredServer> {
    const directory = await mkdtemp(join(tmpdir(), 'timonier-bench-apiserver-'));
    const store = await StoreGroup.start(timonier, 1);
    let child: ChildProcess | undefined;
    const close = async (): Promise<void> => {
      if (child?.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      }
      await store.close();
      await rm(directory, { recursive: true, force: true });
    };
    try {
      const pki = await createClusterPki(directory, {
        masters: [{ name: 'master-1', address: '127.0.0.1' }],
        workers: [],
        serviceIp: '10.96.0.1',
      });
      const member = await store.leader();
      const logFile = join(directory, 'apiserver.log');
      const log = openSync(logFile, 'a');
      const { certificateFile, keyFile } = pki.files('apiserver');
      const flags = {
        'etcd-servers': member.endpoint,
        'bind-address': '127.0.0.1',
        'secure-port': '0',
        'internal-port': '0',
        'ops-address': '',
        'tls-cert-file': certificateFile,
        'tls-private-key-file': keyFile,
        'client-ca-file': pki.caFile,
      };
      child = spawn(
        process.execPath,
        [
          ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
          main,
          'apiserver',
          ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
        ],
        { stdio: ['ignore', log, log] },
      );
      closeSync(log);
      const port = await until('the API server serves', 30_000, () => {
        const text = readFileSync(logFile, 'utf8');
        const found = /"port":(\d+)[^\n]*"serving"|serving[^\n]*port\D{1,12}(\d+)/.exec(text);
        if (found === null && child?.exitCode !== null) throw new Error(`it ended:\n${text}`);
        return Promise.resolve(found === null ? undefined : Number(found[1] ?? found[2]));
      });
      const server = new MeasuredServer({ pid: child.pid ?? 0, storePid: member.pid, port, pki, close });
      const session = server.connect();
      await until('the API server is ready', 30_000, async () =>
        (await send(session, { method: 'GET', path: '/readyz' })).status === 200 ? true : undefined,
      );
      session.destroy();
      return server;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** A connection of its own, as the administrator. */
  connect(): ClientHttp2Session {
    const { certificateFile, keyFile } = this.#pki.files('admin');
    const session = connect(`https://127.0.0.1:${this.port}`, {
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
    await this.#close();
  }
}
