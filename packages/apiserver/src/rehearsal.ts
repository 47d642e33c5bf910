/**
 * A passive server rehearses what it will be asked first. Its code has never run: when its master takes the office, the
 * first handshakes and writes of everybody who waited would wait again, for V8 to compile what they pass through. So while
 * nobody else reaches it, the server is its own client for a moment, over TLS as others are: it reads, and creates an
 * object as a dry run, which commits nothing.
 *
 * In: a loaded watch cache, the server's own client identity. Out: requests to this very process over a unix socket that
 * nobody else may open. Invariants: nothing is rehearsed in office, and no admission webhook hears of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { storageKey } from '@timonier/api';
import type { NodeProxyTls } from './node-proxy/node-proxy.ts';
import type { ServerState } from './server-state.ts';

export interface RehearsalOptions {
  readonly server: ServerState;
  /** Takes connections as clients' are taken. */
  readonly accept: (socket: Socket) => void;
  /** Who this server is where it is a client. */
  readonly identity: NodeProxyTls;
  readonly stop: AbortSignal;
}

/** After a dozen times V8 has the code of a request, and compiles the busiest of it better. */
const rounds = 16;
/** Leaves the processor to others between two. */
const betweenMs = 10;
/** For the store to be loaded, and for a new cluster to have its namespaces. */
const lookMs = 250;
const answerMs = 2_000;
const namespace = 'default';
const headers = { 'content-type': 'application/json', 'user-agent': 'timonier-rehearsal' };

/** Resolves when it was done, or the office was taken, or the server stops; never rejects. */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const { log } = options.server;
  try {
    if (!(await isTime(options))) return;
    // What was compiled is otherwise forgotten again by collections in which nobody has used it.
    setFlagsFromString('--no-flush-bytecode');
    const began = performance.now();
    const answers = await withOwnSocket(options, (path) => play(path, options));
    log.info(
      { answers, ms: Math.round(performance.now() - began) },
      'rehearsed the first requests of an office',
    );
  } catch (error) {
    // Whatever it was, the first requests are slower, and no more.
    if (!options.stop.aborted) log.warn({ err: error }, 'could not rehearse the first requests of an office');
  }
}

/** False when this server came into office first, or stops. */
async function isTime(options: RehearsalOptions): Promise<boolean> {
  const { server, stop } = options;
  while (isIdle(options)) {
    if ((await server.cache.waitFor(1, lookMs)) && hasNamespace(server)) return isIdle(options);
    await pause(lookMs, undefined, { signal: stop });
  }
  return false;
}

function isIdle({ server, stop }: RehearsalOptions): boolean {
  return !stop.aborted && server.office?.holds() === false;
}

function hasNamespace({ registry, cache, root }: ServerState): boolean {
  const info = registry.lookup('', 'v1', 'namespaces');
  if (info === undefined) return false;
  return (
    cache.resource(info.storagePrefix ?? '').index.get(storageKey(info, '', namespace, root)) !== undefined
  );
}

/** A dry run would be sent to admission webhooks, too, and those belong to others. */
function asksOthers({ registry, cache }: ServerState): boolean {
  return ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'].some((resource) => {
    const info = registry.lookup('admissionregistration.k8s.io', 'v1', resource);
    return info !== undefined && cache.resource(info.storagePrefix ?? '').index.size > 0;
  });
}

async function withOwnSocket<T>(
  { accept }: RehearsalOptions,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'timonier-rehearsal-'));
  const path = join(folder, 'socket');
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    accept(socket);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return await work(path);
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns how often each status was answered. */
async function play(path: string, options: RehearsalOptions): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let round = 0; round < rounds && isIdle(options); round++) {
    for (const ask of [askOverHttp1, askOverHttp2]) {
      for (const scene of scenes(options.server)) {
        const status = await ask(path, options, scene);
        answers[status] = (answers[status] ?? 0) + 1;
      }
    }
    await pause(betweenMs, undefined, { signal: options.stop });
  }
  return answers;
}

interface Scene {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
}

function scenes(server: ServerState): readonly Scene[] {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const read: Scene = { method: 'GET', path: `${path}?limit=1`, body: '' };
  if (asksOthers(server)) return [read];
  const body = JSON.stringify({ metadata: { name: 'rehearsal' }, data: { part: 'first' } });
  return [read, { method: 'POST', path: `${path}?dryRun=All`, body }];
}

/** Only this process listens on the socket: there is nobody to be mistaken for. */
function own(
  path: string,
  { cert, key }: NodeProxyTls,
): { path: string; rejectUnauthorized: false; cert?: Buffer; key?: Buffer } {
  return { path, rejectUnauthorized: false, ...(cert && { cert }), ...(key && { key }) };
}

/** Resolves with the status of the answer. */
function askOverHttp1(path: string, { identity, stop }: RehearsalOptions, scene: Scene): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        ...own(path, identity),
        socketPath: path,
        path: scene.path,
        method: scene.method,
        headers,
        agent: false,
        signal: stop,
        timeout: answerMs,
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
    request.once('error', reject);
    request.end(scene.body);
  });
}

/** Resolves with the status of the answer. */
function askOverHttp2(path: string, { identity, stop }: RehearsalOptions, scene: Scene): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2('https://localhost', {
      createConnection: () => connectTls({ ...own(path, identity), ALPNProtocols: ['h2'] }),
    });
    session.once('error', reject);
    session.setTimeout(answerMs, () => session.destroy(new Error('no answer in time')));
    const stream = session.request(
      { ':method': scene.method, ':path': scene.path, ...headers },
      { signal: stop, endStream: scene.body === '' },
    );
    stream.once('error', reject);
    stream.once('response', (head) => {
      stream.resume();
      stream.once('end', () => {
        session.close();
        resolve(head[':status'] ?? 0);
      });
    });
    if (scene.body !== '') stream.end(scene.body);
  });
}
