/**
 * The kubelet's HTTPS server: logs, exec, attach, port-forward, metrics and the list of pods, with upstream's paths.
 * Streams of exec, attach and port-forward are passed through to the URL that the runtime gives out.
 */
import { createServer as createHttpsServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { once } from 'node:events';
import { listen } from '@timonier/component';
import { refuseUpgrade, relayUpgrade, type WantedStreams } from '@timonier/streaming';
import { tunnelPorts, wantsTunnel } from './port-tunnel.ts';
import { RuntimeStreams } from './runtime-streams.ts';
import { bridgeStreams } from './stream-bridge.ts';
import type { Registry } from 'prom-client';
import type { Pod } from '@timonier/api';
import type { PodManager } from '../pod/manager.ts';
import { containerNamed } from '../pod/pod-facts.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { containersNamed, type RuntimeContainer } from '../runtime/runtime-pod.ts';
import { callerOf, needOf, refusal } from './access.ts';
import { cadvisorMetrics } from './cadvisor.ts';
import { readLog, type LogOptions } from './log-reader.ts';
import { noLogs, notRunning } from './no-container.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  readonly cert: Buffer | string;
  readonly key: Buffer | string;
  /** Authority of client certificates; without one nobody may ask for more than health. */
  readonly clientCa: Buffer | undefined;
  readonly pods: PodManager;
  readonly runtime: Runtime;
  readonly metrics: Registry;
  readonly healthy: () => string | undefined;
}

/** An answer other than 200. */
class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #stopping = new AbortController();
  readonly #streams = new RuntimeStreams();

  constructor(options: KubeletServerOptions) {
    this.#options = options;
    this.#server = createHttpsServer({
      cert: options.cert,
      key: options.key,
      ...(options.clientCa === undefined ? {} : { ca: options.clientCa, requestCert: true }),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<void> {
    await listen(this.#server, this.#options.port, this.#options.host);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.resolve();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    try {
      const refused = refusal(needOf(url.pathname), callerOf(request));
      if (refused !== undefined) throw new HttpError(refused, refused === 401 ? 'Unauthorized' : 'Forbidden');
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new HttpError(405, 'Method not allowed');
      await this.#answer(url, response);
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
    }
  }

  async #answer(url: URL, response: ServerResponse): Promise<void> {
    const { pods, runtime, metrics, healthy } = this.#options;
    const [, first, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    switch (first) {
      case 'healthz': {
        const problem = healthy();
        if (problem !== undefined) throw new HttpError(500, problem);
        response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
        return;
      }
      case 'metrics': {
        if (rest[0] !== undefined && rest[0] !== 'cadvisor') throw new HttpError(404, 'no such metrics');
        const text = rest[0] === 'cadvisor' ? await cadvisorMetrics(runtime) : await metrics.metrics();
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
        return;
      }
      case 'pods':
      case 'runningpods': {
        const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods.list() };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(list));
        return;
      }
      case 'containerLogs':
        return this.#logs(rest, url.searchParams, response);
      default:
        throw new HttpError(404, `nothing is served at ${url.pathname}`);
    }
  }

  async #logs(path: readonly string[], query: URLSearchParams, response: ServerResponse): Promise<void> {
    const [namespace = '', podName = '', name = ''] = path;
    const previous = query.get('previous') === 'true';
    const pod = this.#podWith(namespace, podName, name);
    const uid = this.#podUid(namespace, podName);
    const target = await this.#container(uid, name, previous ? 1 : 0);
    if (target === undefined) throw new HttpError(400, noLogs(pod, name, previous));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    const sinceSeconds = numeric(query, 'sinceSeconds');
    const sinceTime = query.get('sinceTime');
    const sinceMs =
      sinceSeconds !== undefined
        ? Date.now() - sinceSeconds * 1000
        : sinceTime !== null
          ? Date.parse(sinceTime)
          : undefined;
    const tailLines = numeric(query, 'tailLines');
    const limitBytes = numeric(query, 'limitBytes');
    const asked = query.get('stream')?.toLowerCase();
    const stream = asked === 'stdout' || asked === 'stderr' ? asked : undefined;
    const options: LogOptions = {
      follow: query.get('follow') === 'true',
      timestamps: query.get('timestamps') === 'true',
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(limitBytes === undefined ? {} : { limitBytes }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(stream === undefined ? {} : { stream }),
    };
    const running = async (): Promise<boolean> => {
      const state = await this.#options.runtime.inspectPod(uid);
      return state.containers.some(({ id, state: now }) => id === target.id && now === 'running');
    };
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.flushHeaders();
    for await (const chunk of readLog(target.logPath, options, running, signal)) {
      if (!response.write(chunk)) await once(response, 'drain', { signal }).catch(() => undefined);
    }
    response.end();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      const refused = refusal('everything', callerOf(request));
      if (refused !== undefined) throw new HttpError(refused, refused === 401 ? 'Unauthorized' : 'Forbidden');
      if (url.pathname.startsWith('/portForward/') && wantsTunnel(request)) {
        const [, , namespace = '', podName = ''] = url.pathname.split('/').map(decodeURIComponent);
        // Asked once beforehand, so that a pod that does not run is refused and not tunnelled to.
        await this.#sandbox(namespace, podName);
        await tunnelPorts(request, socket, head, `${namespace}/${podName}`, (port) =>
          this.#portUrl(namespace, podName, [port]),
        );
        return;
      }
      // Commands are translated between protocol versions; forwarded ports are bytes of the client and the runtime.
      if (url.pathname.startsWith('/portForward/')) {
        const [, , namespace = '', podName = ''] = url.pathname.split('/').map(decodeURIComponent);
        const ports = url.searchParams.getAll('port').map(Number);
        await relayUpgrade(request, socket, head, await this.#portUrl(namespace, podName, ports));
        return;
      }
      const { urlOf, wanted } = await this.#command(url);
      await bridgeStreams(request, socket, head, wanted, () => this.#streams.open(urlOf, wanted));
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      refuseUpgrade(socket, status, error instanceof Error ? error.message : String(error));
    }
  }

  /** What an exec or attach request asks the runtime for. */
  async #command(url: URL): Promise<{ urlOf: () => Promise<string>; wanted: WantedStreams }> {
    const { runtime } = this.#options.runtime.cri;
    const [, verb, namespace = '', podName = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const query = url.searchParams;
    const flag = (...names: string[]): boolean =>
      names.some((name) => query.get(name) === 'true' || query.get(name) === '1');
    // The uid of a pod may stand between its name and the container.
    const containerName = rest.at(-1) ?? '';
    const tty = flag('tty');
    const wanted = {
      stdin: flag('input', 'stdin'),
      stdout: flag('output', 'stdout'),
      // A terminal has one output only.
      stderr: !tty && flag('error', 'stderr'),
      tty,
    };
    if (verb !== 'exec' && verb !== 'attach')
      throw new HttpError(404, `nothing is served at ${url.pathname}`);
    const pod = this.#podWith(namespace, podName, containerName);
    const target = await this.#container(this.#podUid(namespace, podName), containerName, 0);
    if (target?.state !== 'running') throw new HttpError(500, notRunning(verb, pod, containerName));
    const request = { containerId: target.id, ...wanted };
    const cmd = query.getAll('command');
    const urlOf = async (): Promise<string> =>
      (await (verb === 'attach' ? runtime.Attach(request) : runtime.Exec({ ...request, cmd }))).url;
    return { urlOf, wanted };
  }

  async #portUrl(namespace: string, podName: string, port: number[]): Promise<string> {
    const podSandboxId = await this.#sandbox(namespace, podName);
    return (await this.#options.runtime.cri.runtime.PortForward({ podSandboxId, port })).url;
  }

  async #sandbox(namespace: string, podName: string): Promise<string> {
    const uid = this.#podUid(namespace, podName);
    const sandbox = (await this.#options.runtime.inspectPod(uid)).sandboxes.find(({ ready }) => ready);
    if (sandbox === undefined) throw new HttpError(404, `pod ${namespace}/${podName} is not running`);
    return sandbox.id;
  }

  #podUid(namespace: string, name: string): string {
    const uid = this.#options.pods.find(namespace, name)?.metadata?.uid;
    if (uid === undefined) throw new HttpError(404, `pod "${namespace}/${name}" not found`);
    return uid;
  }

  /** The pod, which must have a container of that name. */
  #podWith(namespace: string, podName: string, name: string): Pod {
    const pod = this.#options.pods.find(namespace, podName);
    if (pod === undefined) throw new HttpError(404, `pod "${namespace}/${podName}" not found`);
    if (containerNamed(pod, name) === undefined)
      throw new HttpError(400, `container ${name} is not valid for pod ${podName}`);
    return pod;
  }

  /** The newest container of a name, or with `back` 1 the one before; undefined when there is none. */
  async #container(uid: string, name: string, back: number): Promise<RuntimeContainer | undefined> {
    return containersNamed(await this.#options.runtime.inspectPod(uid), name)[back];
  }
}

function numeric(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new HttpError(400, `${name} must be a whole number, not "${text}"`);
  return value;
}
