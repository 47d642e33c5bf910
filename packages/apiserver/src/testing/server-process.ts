/**
 * For tests: `timonier apiserver` as a process of its own, as it runs on a master, with certificates and connections as
 * the administrator. Ended with the test, and its files with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testPort } from '@timonier/linux/test-ports';
import { type ClusterPki, createClusterPki, writeKubeconfig } from '@timonier/pki';
import { until } from './harness.ts';

const main = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url));

export interface Reply {
  readonly status: number;
  readonly text: string;
  // What an answer holds is for the test to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly opsPort: number;
  readonly pki: ClusterPki;
  /** What it has logged so far. */
  log(): string;
  /** A connection of its own, on TCP or on the private socket. */
  connect(identity?: string, isPrivate?: boolean): ClientHttp2Session;
  /** The operations endpoint of the process. */
  ops(path: string): Promise<Reply>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts one over a store, with certificates of its own unless it shares another's, and waits until it is ready. */
export async function startServerProcess(
  t: Pick<TestContext, 'after'>,
  endpoint: string,
  flags: Readonly<Record<string, string>> = {},
  shared?: ClusterPki,
): Promise<ServerProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-apiserver-process-'));
  const address = flags['bind-address'] ?? '127.0.0.1';
  const pki =
    shared ??
    (await createClusterPki(directory, {
      masters: [{ name: 'master-1', address }],
      workers: [],
      serviceIp: '10.96.0.1',
    }));
  const opsPort = await testPort();
  const files = pki.files('apiserver');
  const all = {
    'etcd-servers': endpoint,
    'bind-address': address,
    'secure-port': '0',
    'internal-port': '0',
    'private-socket': join(directory, 'apiserver.sock'),
    'ops-address': `127.0.0.1:${opsPort}`,
    'tls-cert-file': files.certificateFile,
    'tls-private-key-file': files.keyFile,
    'client-ca-file': pki.caFile,
    // There are no controllers here that would make the accounts it asks for.
    'disable-admission-plugins': 'ServiceAccount',
    ...flags,
  };
  const logFile = join(directory, 'apiserver.log');
  const output = openSync(logFile, 'a');
  const child = spawn(
    process.execPath,
    [main, 'apiserver', ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)],
    { stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const gone = once(child, 'exit');
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await gone;
    return child.exitCode;
  };
  const sessions = new Set<ClientHttp2Session>();
  t.after(async () => {
    for (const session of sessions) session.destroy();
    await stop();
    await rm(directory, { recursive: true, force: true });
  });
  const log = (): string => readFileSync(logFile, 'utf8');
  let port = 0;
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`it ended:\n${log()}`);
      port = Number(/"port":([1-9]\d*)[^\n]*"serving"/.exec(log())?.[1] ?? 0);
      return port > 0;
    },
    'the process serves',
    60_000,
  );
  const server: ServerProcess = {
    child,
    directory,
    kubeconfig: join(directory, 'admin.kubeconfig'),
    opsPort,
    pki,
    log,
    stop,
    connect: (identity = 'admin', isPrivate = false) => {
      const own = pki.files(identity);
      const session = connect(`https://${address}:${port}`, {
        servername: 'localhost',
        ca: readFileSync(pki.caFile),
        cert: readFileSync(own.certificateFile),
        key: readFileSync(own.keyFile),
        ...(isPrivate ? { path: join(directory, 'apiserver.sock') } : {}),
      });
      // Whoever waits for an answer hears of its end.
      session.on('error', () => undefined);
      session.setMaxListeners(0);
      sessions.add(session);
      return session;
    },
    ops: async (path) => {
      const answer = await fetch(`http://127.0.0.1:${opsPort}${path}`);
      return reply(answer.status, await answer.text());
    },
  };
  await writeKubeconfig(server.kubeconfig, {
    name: 'test',
    server: `https://${address}:${port}`,
    ca: readFileSync(pki.caFile, 'utf8'),
    certificate: readFileSync(pki.files('admin').certificateFile, 'utf8'),
    key: readFileSync(pki.files('admin').keyFile, 'utf8'),
  });
  await until(async () => (await server.ops('/readyz')).status === 200, 'the process is ready', 60_000);
  return server;
}

/** One request over a connection; rejects when the connection ends first. */
export function call(
  session: ClientHttp2Session,
  method: string,
  path: string,
  body?: unknown,
  contentType = 'application/json',
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': method, ':path': path, ...(body === undefined ? {} : { 'content-type': contentType }) },
      { endStream: body === undefined },
    );
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('close', () => {
      if (status === 0) reject(new Error('the connection closed without an answer'));
      else resolve(reply(status, Buffer.concat(chunks).toString()));
    });
    if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

function reply(status: number, text: string): Reply {
  return {
    status,
    text,
    get json() {
      return JSON.parse(text) as unknown;
    },
  };
}
