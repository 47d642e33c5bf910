/** For tests: an API server with certificates and a client per identity, over a store that the test provides. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Health } from '@timonier/component';
import type { Office } from '@timonier/client/office';
import { type ClusterPki, createClusterPki, writeKubeconfig } from '@timonier/pki';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import type { AuthenticationOptions } from '../authentication/options.ts';
import type { AuthorizationOptions } from '../authorization/start.ts';
import { admissionPlugins } from '../admission/plugins.ts';
import { ApiServer } from '../api-server.ts';
import type { RequestLimits } from '../api-server-options.ts';
import type { AuditOptions } from '../audit/start.ts';
import type { DebugOptions } from '../debug/pages.ts';
import { readEncryptionFile } from '../encryption/configuration-file.ts';
import { Failpoints } from '../failpoints.ts';
import { TokenSigner } from '../tokens/service-account-tokens.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  // What an answer holds is for the test to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

export interface TestServer {
  readonly port: number;
  readonly pki: ClusterPki;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly metrics: Registry;
  readonly api: ApiServer;
  /** A request as one of the cluster's identities, `admin` by default. */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Answer>;
  /** A request without a certificate. */
  requestWithout(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer>;
  /** A watch; yields events until the test has enough. */
  watch(path: string, signal: AbortSignal): AsyncGenerator<WatchedEvent>;
  /**
   * Resolves when the server has heard of all that was written until now. Requests are judged by what it has heard, and the
   * answer to a write may come before the news of it.
   */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

export interface RequestOptions {
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WatchedEvent {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly object: any;
}

export interface TestServerOptions {
  readonly endpoint: string;
  readonly office?: Office;
  readonly env?: Readonly<Record<string, string>>;
  readonly pki?: ClusterPki;
  readonly directory?: string;
  /** Where this server takes piped connections, and where it pipes to while passive. */
  readonly internalPort?: number;
  readonly bindAddress?: string;
  /** Plugins to switch on that are off by default, or count on controllers that clusters of tests do not have. */
  readonly admission?: readonly string[];
  /** Plugins to switch off that are on by default. */
  readonly withoutAdmission?: readonly string[];
  readonly audit?: AuditOptions;
  /** Path of an encryption configuration. */
  readonly encryption?: string;
  /** Fair, with upstream's numbers, unless a test is about them. */
  readonly limits?: Partial<RequestLimits>;
  readonly authentication?: AuthenticationOptions;
  readonly debug?: DebugOptions;
  readonly authorization?: AuthorizationOptions;
  /** False when the server starts passive with no active one, so that nothing answers yet. */
  readonly waitUntilReady?: boolean;
}

/** Plugins that stand in the way where no controllers run. */
const needsControllers: ReadonlySet<string> = new Set(['ServiceAccount', 'StorageObjectInUseProtection']);

/** As `timonier master` says it. */
const requestHeader = {
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
};

/** Has no certificate. */
const nobody = '';

export async function startApiServer(
  t: Pick<TestContext, 'after'>,
  options: TestServerOptions,
): Promise<TestServer> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'timonier-apiserver-')));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki =
    options.pki ??
    (await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' }));
  const metrics = new Registry();
  const bindAddress = options.bindAddress ?? '127.0.0.1';
  const files = pki.files('apiserver');
  const kubeletFiles = pki.files('apiserver-kubelet-client');
  const ca = await readFile(pki.caFile);
  const api = new ApiServer({
    store: { endpoints: [options.endpoint] },
    root: '/registry/',
    tls: { cert: await readFile(files.certificateFile), key: await readFile(files.keyFile), clientCa: ca },
    proxyTls: {
      cert: await readFile(pki.files('front-proxy-client').certificateFile),
      key: await readFile(pki.files('front-proxy-client').keyFile),
    },
    authenticationConfig: {
      clientCa: ca.toString(),
      requestHeader: { ...requestHeader, ca: await readFile(pki.frontProxyCaFile, 'utf8') },
    },
    kubeletTls: {
      ca,
      cert: await readFile(kubeletFiles.certificateFile),
      key: await readFile(kubeletFiles.keyFile),
    },
    office: options.office,
    tokenSigner: new TokenSigner(
      await readFile(pki.serviceAccountKeyFile),
      'https://kubernetes.default.svc.cluster.local',
    ),
    authentication: options.authentication,
    debug: options.debug,
    authorization: options.authorization,
    allocation: { serviceRange: '10.96.0.0/16', nodePorts: { first: 30_000, last: 32_767 } },
    admissionPlugins: admissionPlugins.filter(
      ({ name, isOffByDefault }) =>
        (!needsControllers.has(name) &&
          isOffByDefault !== true &&
          options.withoutAdmission?.includes(name) !== true) ||
        options.admission?.includes(name) === true,
    ),
    masters: [host],
    advertiseAddress: '127.0.0.1',
    bindAddress,
    securePort: 0,
    internalPort: options.internalPort,
    privateSocket: join(directory, 'apiserver.sock'),
    compactionIntervalMs: 0,
    failpoints: new Failpoints(options.env ?? {}),
    audit: options.audit,
    encryption: options.encryption === undefined ? undefined : await readEncryptionFile(options.encryption),
    limits: {
      fair: true,
      maxRequestsInflight: 400,
      maxMutatingRequestsInflight: 200,
      ...options.limits,
    },
    log: pino({ level: process.env['TIMONIER_LOG_LEVEL'] ?? 'silent' }),
    metrics,
    health: new Health(),
  });
  const port = await api.start();
  const sessions = new Map<string, ClientHttp2Session>();
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    for (const session of sessions.values()) session.destroy();
    await api.stop();
  };
  t.after(async () => {
    await stop();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  });
  const session = async (identity: string): Promise<ClientHttp2Session> => {
    let open = sessions.get(identity);
    if (open === undefined || open.destroyed || open.closed) {
      const own = identity === nobody ? undefined : pki.files(identity);
      open = connectHttp2(`https://${bindAddress}:${port}`, {
        servername: 'localhost',
        ca,
        ...(own === undefined
          ? {}
          : { cert: await readFile(own.certificateFile), key: await readFile(own.keyFile) }),
      });
      open.on('error', () => undefined);
      sessions.set(identity, open);
    }
    return open;
  };
  const open = async (
    method: string,
    path: string,
    body: unknown,
    { as = 'admin', headers = {} }: RequestOptions,
  ) => {
    const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const payload = isRaw ? body : JSON.stringify(body);
    const stream = (await session(as)).request(
      {
        ':method': method,
        ':path': path,
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      // Node would end a DELETE at once otherwise.
      { endStream: payload === undefined },
    );
    if (payload !== undefined) stream.end(payload);
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      stream.once('response', resolve);
      stream.once('error', reject);
      stream.once('close', () => reject(new Error('the connection closed without an answer')));
    });
    return { stream, headers: await answered };
  };
  const server: TestServer = {
    port,
    pki,
    directory,
    metrics,
    api,
    kubeconfig: join(directory, 'admin.kubeconfig'),
    stop,
    request: async (method, path, body, requestOptions = {}) => {
      const { stream, headers } = await open(method, path, body, requestOptions);
      const bytes = await wholeOf(stream);
      const status = Number(headers[':status']);
      return {
        status,
        headers,
        body: bytes,
        get json() {
          return JSON.parse(bytes.toString()) as unknown;
        },
      };
    },
    caughtUp: async () => {
      // A list of the present state waits for it.
      const { status, body } = await server.request('GET', '/api/v1/namespaces?limit=1');
      if (status !== 200) throw new Error(`the server did not catch up: ${status} ${body.toString()}`);
    },
    requestWithout: async (method, path, headers) =>
      server.request(method, path, undefined, { as: nobody, headers }),
    async *watch(path, signal) {
      const { stream, headers } = await open('GET', path, undefined, {});
      const stopWatch = (): void => {
        stream.destroy();
      };
      signal.addEventListener('abort', stopWatch, { once: true });
      if (headers[':status'] !== 200) throw new Error(`watch answered ${String(headers[':status'])}`);
      let pending = '';
      try {
        for await (const chunk of stream) {
          pending += String(chunk);
          const lines = pending.split('\n');
          pending = lines.pop() ?? '';
          for (const line of lines) yield JSON.parse(line) as WatchedEvent;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener('abort', stopWatch);
        stream.destroy();
      }
    },
  };
  const admin = pki.files('admin');
  await writeKubeconfig(server.kubeconfig, {
    name: 'test',
    server: `https://${bindAddress}:${port}`,
    ca: ca.toString(),
    certificate: await readFile(admin.certificateFile, 'utf8'),
    key: await readFile(admin.keyFile, 'utf8'),
  });
  if (options.waitUntilReady !== false)
    await until(async () => (await server.request('GET', '/readyz')).status === 200, 'the server is ready');
  return server;
}

/** Waits for a condition; throws with its name when it does not come true in time. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() >= deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Read by events: an iterator takes a stream for broken whose last bytes came together with its end, before anyone began to
 * read.
 */
function wholeOf(stream: ClientHttp2Stream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
    // What has come is still read.
    stream.once('close', () => setImmediate(reject, new Error('the connection closed within an answer')));
  });
}
