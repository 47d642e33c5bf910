/**
 * What is attacked: an API server in a process of its own on a member of the built-in store, and what can be seen of it
 * from outside: whether it lives, what it holds open, how much memory it has.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { testPorts } from '@timonier/linux/test-ports';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { eventually, TestCluster } from '../../../packages/store/src/testing/processes.ts';
import { start, type Started } from '../../bad-input/program.ts';
import { Behind, behindGroup, behindPath } from './behind.ts';

/** Members of the API's cluster whose certificates requests are sent with; `nobody` has none. */
export const identities = ['admin', 'scheduler', 'kubelet-master-1', 'monitoring', 'nobody'] as const;
export type Identity = (typeof identities)[number];

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string | undefined;
}

/** Figures of the process, from the kernel and from its own metrics. */
export interface Figures {
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly descriptors: number;
  readonly inflight: number;
  readonly watchers: number;
}

const maxAnswerBytes = 64 * 1024 * 1024;

/**
 * Read by events: an iterator takes a stream for broken whose last bytes came together with its end, before anyone
 * began to read.
 */
function answerOf(stream: ClientHttp2Stream, isHead: boolean): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: Readonly<Record<string, unknown>> | undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    stream.once('response', (received) => {
      headers = received;
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxAnswerBytes) stream.destroy(new Error(`more than ${maxAnswerBytes} bytes of an answer`));
    });
    stream.once('end', () => {
      const announced = Number(headers?.['content-length'] ?? size);
      if (headers === undefined) reject(new Error('the stream ended without an answer'));
      else if (announced !== size && !isHead)
        reject(new Error(`an answer of ${announced} bytes ended after ${size}`));
      else resolve({ status: Number(headers[':status']), headers, body: Buffer.concat(chunks, size) });
    });
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the stream closed without an answer')));
  });
}

export class Subject {
  readonly port: number;
  readonly #ops: number;
  /** What the server trusts. */
  readonly pki: ClusterPki;
  readonly #process: Started;
  /** What requests are passed on to. */
  readonly behind = new Behind();
  readonly #sessions = new Map<Identity, ClientHttp2Session>();
  readonly #keys = new Map<Identity, { cert?: Buffer; key?: Buffer; ca: Buffer }>();

  private constructor(port: number, ops: number, pki: ClusterPki, process: Started) {
    this.port = port;
    this.#ops = ops;
    this.pki = pki;
    this.#process = process;
  }

  /** Starts store and server; both end, and their folders go, with `t`. */
  static async start(t: { after(fn: () => unknown): void }, flags: readonly string[] = []): Promise<Subject> {
    const store = await TestCluster.create(1);
    t.after(() => store.remove());
    store.startAll();
    const directory = await mkdtemp(join(tmpdir(), 'timonier-fuzz-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const host = { name: 'master-1', address: '127.0.0.1' };
    const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
    const own = pki.files('apiserver');
    const [port = 0, ops = 0] = await testPorts(2);
    await store.leader();
    const process = start(t, [
      'apiserver',
      `--etcd-servers=${store.endpoint('m1')}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--internal-port=0',
      `--ops-address=127.0.0.1:${ops}`,
      `--tls-cert-file=${own.certificateFile}`,
      `--tls-private-key-file=${own.keyFile}`,
      `--client-ca-file=${pki.caFile}`,
      `--service-account-signing-key-file=${pki.serviceAccountKeyFile}`,
      '--disable-admission-plugins=ServiceAccount',
      '--log-level=error',
      ...flags,
    ]);
    const subject = new Subject(port, ops, pki, process);
    t.after(() => subject.#disconnect());
    await subject.#readKeys();
    await eventually('the API server is ready', async () => {
      if ((await subject.ask('admin', { method: 'GET', path: '/readyz' })).status !== 200)
        throw new Error(process.output());
    });
    t.after(() => subject.behind.close());
    await subject.#registerBehind();
    return subject;
  }

  async #registerBehind(): Promise<void> {
    const port = await this.behind.listen();
    const service = { namespace: 'default', name: 'behind', port };
    const made = async (path: string, object: object): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await this.ask('admin', { method: 'POST', path, headers, body: JSON.stringify(object) });
      if (answer.status !== 201) throw new Error(`${path}: ${answer.body.toString()}`);
    };
    await made('/api/v1/namespaces/default/services', {
      metadata: { name: 'behind' },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    });
    await made('/apis/apiregistration.k8s.io/v1/apiservices', {
      metadata: { name: `v1.${behindGroup}` },
      spec: {
        group: behindGroup,
        version: 'v1',
        groupPriorityMinimum: 1,
        versionPriority: 1,
        service,
        caBundle: this.behind.caBundle,
      },
    });
    await eventually('what is behind is reached', async () => {
      const { status } = await this.ask('admin', { method: 'GET', path: `${behindPath}/x` });
      if (status !== 200) throw new Error(`it answered ${status}`);
    });
  }

  get pid(): number {
    return this.#process.child.pid ?? 0;
  }

  /** Undefined while it lives; otherwise how it ended. */
  get ended(): string | undefined {
    const { child } = this.#process;
    if (child.exitCode === null && child.signalCode === null) return undefined;
    return `ended with ${child.exitCode ?? child.signalCode}: ${this.log.slice(-3_000)}`;
  }

  /** What it logged at level error and above. */
  get log(): string {
    return this.#process.output();
  }

  /** One request over HTTP/2. Rejects when the connection or the stream ends without an answer, or after `timeoutMs`. */
  async ask(identity: Identity, asked: Asked, timeoutMs = 20_000): Promise<Answer> {
    const { method, path, headers = {}, body } = asked;
    const stream = this.#session(identity).request(
      { ':method': method, ':path': path, ...headers },
      { endStream: body === undefined },
    );
    // The first is told to whoever asked; what follows it, when the server dies, is the same again.
    stream.on('error', () => undefined);
    const timer = setTimeout(() => stream.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    try {
      const answered = answerOf(stream, method === 'HEAD');
      if (body !== undefined) stream.end(body);
      return await answered;
    } finally {
      clearTimeout(timer);
      stream.close();
    }
  }

  /** A TLS connection on which nothing is said yet. */
  connect(identity: Identity, protocol: 'http/1.1' | 'h2' = 'http/1.1'): TLSSocket {
    const socket = connectTls({
      host: '127.0.0.1',
      port: this.port,
      servername: 'localhost',
      ALPNProtocols: [protocol],
      ...this.#keys.get(identity),
    });
    socket.on('error', () => undefined);
    return socket;
  }

  async figures(): Promise<Figures> {
    const { pid } = this;
    const [status, files, metrics] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
      this.#metrics(),
    ]);
    const sum = (name: string): number =>
      [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
        (total, [, value]) => total + Number(value),
        0,
      );
    return {
      residentMiB: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024,
      heapMiB: sum('nodejs_heap_size_used_bytes') / 2 ** 20,
      descriptors: files.length,
      inflight: sum('apiserver_current_inflight_requests'),
      watchers: sum('apiserver_longrunning_requests'),
    };
  }

  async #underWay(): Promise<string> {
    const lines = (await this.#metrics()).split('\n');
    return lines
      .filter((line) => /^apiserver_(longrunning|current_inflight)_requests.* [1-9]/.test(line))
      .join('\n');
  }

  async #metrics(): Promise<string> {
    return new Promise((resolve, reject) => {
      plainRequest({ host: '127.0.0.1', port: this.#ops, path: '/metrics', agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () => resolve(text)).once('error', reject);
      })
        .once('error', reject)
        .end();
    });
  }

  #session(identity: Identity): ClientHttp2Session {
    const open = this.#sessions.get(identity);
    if (open !== undefined && !open.destroyed && !open.closed) return open;
    const session = connect(`https://127.0.0.1:${this.port}`, {
      servername: 'localhost',
      ...this.#keys.get(identity),
      maxSessionMemory: 200,
    });
    session.on('error', () => undefined);
    session.setMaxListeners(0);
    this.#sessions.set(identity, session);
    return session;
  }

  /** Ends the connections that requests were sent on. */
  #disconnect(): void {
    for (const session of this.#sessions.values()) session.destroy();
    this.#sessions.clear();
  }

  /** Waits until the figures are as wanted. */
  until(what: string, isSo: (figures: Figures) => boolean): Promise<void> {
    return eventually(
      what,
      async () => {
        const figures = await this.figures();
        if (!isSo(figures)) throw new Error(`${JSON.stringify(figures)} ${await this.#underWay()}`);
      },
      20_000,
    );
  }

  /** Ends every connection and waits until the server has noticed and let go of what it needed for them. */
  async settle(): Promise<void> {
    this.#disconnect();
    await this.until('nothing is under way', ({ inflight, watchers }) => inflight === 0 && watchers === 0);
    const { status } = await this.ask('admin', { method: 'GET', path: '/debug/pprof/allocs?seconds=1&gc=1' });
    if (status !== 200) throw new Error(`garbage was not collected: ${status}`);
    this.#disconnect();
  }

  async #readKeys(): Promise<void> {
    const ca = await readFile(this.pki.caFile);
    for (const identity of identities) {
      if (identity === 'nobody') {
        this.#keys.set(identity, { ca });
        continue;
      }
      const { certificateFile, keyFile } = this.pki.files(identity);
      const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
      this.#keys.set(identity, { ca, cert, key });
    }
  }
}
