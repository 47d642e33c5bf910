/**
 * `ApiClient` over HTTPS: typed verbs on resources, with failover between servers and retries that can do no harm.
 *
 * The client stays with one server and moves on when a connection fails or the server answers 503. A request is
 * repeated when it is a GET, when it certainly reached no server, or when the server asked for it (429 or 503 with
 * Retry-After). Everything else is the caller's decision: a write whose fate is unknown is never repeated here.
 */
import { Backoff, pause } from './backoff.ts';
import type { Endpoint, TlsIdentity, TransportResponse } from './endpoint.ts';
import { ApiError, apiErrorFrom, ConnectionError, isUntrusted } from './errors.ts';
import type { ClientMetrics } from './rest-metrics.ts';
import { apiVersionOf, collectionPath, listQuery, objectPath, withQuery } from './paths.ts';
import { readBody, Transport } from './transport.ts';
import type {
  ApiClient,
  DeleteOptions,
  KubeObject,
  ListOptions,
  ObjectKey,
  PatchType,
  ResourceType,
  WatchEvent,
  WriteOptions,
} from './types.ts';
import { readWatchEvents } from './watch-stream.ts';

export interface ClientOptions extends TlsIdentity {
  /** `https://host:port`, tried in order; the client stays with the one that works. */
  readonly servers?: readonly string[];
  /** A unix socket that speaks TLS like the servers; used instead of them. */
  readonly socketPath?: string;
  /** Bearer token, when there is no client certificate. */
  readonly token?: string;
  readonly userAgent?: string;
  /** One attempt's deadline; 15 s unless told. */
  readonly timeoutMs?: number;
  /** Deadline of a TCP handshake, and of the TLS handshake after it; 2 s unless told. */
  readonly connectTimeoutMs?: number;
  /** How long retries may go on; 20 s unless told. */
  readonly retryForMs?: number;
  /** Told of every attempt. */
  readonly metrics?: ClientMetrics;
}

/** The header that carries the office under which a write was decided. */
export const officeHeader = 'timonier-office';

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** With several servers, one whose address does not answer in this time is left for the next. */
const elsewhereAfterMs = 500;
const maxBodyBytes = 512 * 1024 * 1024;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string> | undefined;
  readonly body?: string | Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
}

class HttpsApiClient implements ApiClient {
  readonly #transport: Transport;
  readonly #endpoints: readonly Endpoint[];
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #retryForMs: number;
  readonly #metrics: ClientMetrics | undefined;
  readonly #closing = new AbortController();
  #current = 0;

  constructor(options: ClientOptions) {
    this.#endpoints = endpointsOf(options);
    this.#metrics = options.metrics;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#retryForMs = options.retryForMs ?? 20_000;
    const handshakeMs = options.connectTimeoutMs ?? 2_000;
    // A lost first packet is repeated after a second; with others to ask that is too long to wait for.
    const answerMs = this.#endpoints.length > 1 ? Math.min(handshakeMs, elsewhereAfterMs) : handshakeMs;
    this.#transport = new Transport(options, { answerMs, handshakeMs });
    this.#headers = {
      accept: 'application/json',
      'user-agent': options.userAgent ?? 'timonier',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    };
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, subresource?: string): Promise<T> {
    return (await this.#json({ method: 'GET', path: objectPath(type, key, subresource) })) as T;
  }

  async list<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions = {},
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
    const path = withQuery(collectionPath(type, options.namespace), listQuery(options));
    const list = (await this.#json({ method: 'GET', path, signal: options.signal })) as {
      items?: T[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    };
    const items = list.items ?? [];
    // Lists carry the kind once; items get it back so that an object means the same wherever it came from.
    for (const item of items) {
      item.apiVersion ??= apiVersionOf(type);
      item.kind ??= type.kind;
    }
    const next = list.metadata?.continue ?? '';
    return {
      items,
      resourceVersion: list.metadata?.resourceVersion ?? '',
      ...(next === '' ? {} : { continue: next }),
    };
  }

  async create<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { name = '', namespace } = object.metadata ?? {};
    const path =
      options.subresource === undefined
        ? collectionPath(type, namespace ?? (type.namespaced ? 'default' : undefined))
        : objectPath(type, { namespace, name }, options.subresource);
    return (await this.#write('POST', path, typed(type, object, options), options)) as T;
  }

  async update<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const { name = '', namespace } = object.metadata ?? {};
    const path = objectPath(type, { namespace, name }, options.subresource);
    return (await this.#write('PUT', path, typed(type, object, options), options)) as T;
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patchType: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = objectPath(type, key, options.subresource);
    return (await this.#write('PATCH', path, patch, options, patchContentTypes[patchType])) as T;
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<void> {
    const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(preconditions === undefined ? {} : { preconditions }),
    };
    await this.#write('DELETE', objectPath(type, key, options.subresource), body, options);
  }

  async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions & {
      readonly allowBookmarks?: boolean;
      readonly sendInitialEvents?: boolean;
      readonly signal?: AbortSignal;
    },
  ): AsyncGenerator<WatchEvent<T>> {
    const query = listQuery(options);
    query.set('watch', 'true');
    if (options.allowBookmarks === true) query.set('allowWatchBookmarks', 'true');
    if (options.sendInitialEvents === true) {
      query.set('sendInitialEvents', 'true');
      query.set('resourceVersionMatch', 'NotOlderThan');
    }
    const signal =
      options.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([options.signal, this.#closing.signal]);
    if (signal.aborted) return;
    const path = withQuery(collectionPath(type, options.namespace), query);
    const endpoint = this.#current;
    let response: TransportResponse;
    try {
      response = await this.#attempt({ method: 'GET', path, signal });
    } catch (error) {
      if (signal.aborted) return;
      this.#leave(endpoint);
      throw error;
    }
    if (response.status !== 200) {
      if (response.status === 503) this.#leave(endpoint);
      throw await this.#refusal(response);
    }
    yield* readWatchEvents<T>(response.body, signal);
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Buffer }> {
    const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const response = await this.#send({
      method,
      path,
      headers: raw ? headers : { 'content-type': 'application/json', ...headers },
      body: raw ? body : JSON.stringify(body),
    });
    return { status: response.status, body: response.body };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#transport.close();
    await Promise.resolve();
  }

  async #write(
    method: string,
    path: string,
    body: unknown,
    options: WriteOptions,
    contentType = 'application/json',
  ): Promise<unknown> {
    const query = new URLSearchParams();
    if (options.fieldManager !== undefined) query.set('fieldManager', options.fieldManager);
    if (options.force === true) query.set('force', 'true');
    return this.#json({
      method,
      path: withQuery(path, query),
      headers: {
        'content-type': contentType,
        ...(options.office === undefined ? {} : { [officeHeader]: options.office }),
      },
      body: JSON.stringify(body),
      signal: options.signal,
    });
  }

  async #json(call: Call): Promise<unknown> {
    const { status, body, retryAfter } = await this.#send(call);
    if (status < 200 || status > 299) throw apiErrorFrom(status, body, retryAfter);
    return JSON.parse(body.toString('utf8'));
  }

  /** Sends until an answer that is not to be retried, or `retryForMs` is over. Bodies are read whole. */
  async #send(call: Call): Promise<{ status: number; body: Buffer; retryAfter: string | undefined }> {
    const backoff = new Backoff(20, 1_000);
    const giveUpAt = performance.now() + this.#retryForMs;
    const untrusted = new Set<number>();
    for (;;) {
      const endpoint = this.#current;
      let delay: number;
      let outcome: () => { status: number; body: Buffer; retryAfter: string | undefined };
      try {
        const response = await this.#attempt(call);
        const body = await readBody(response.body, this.#timeoutMs, maxBodyBytes);
        this.#metrics?.received(call.method, this.#hostOf(endpoint), body.length);
        const retryAfter = response.header('retry-after');
        const { status } = response;
        if (status === 503) this.#leave(endpoint);
        const repeatable =
          (status === 429 || status === 503) && (retryAfter !== undefined || call.method === 'GET');
        if (!repeatable) return { status, body, retryAfter };
        // Another server may be able to answer at once, and one on this host may have taken the office by now, so
        // only a lone one elsewhere is given the time it asked for.
        const soon = this.#endpoints.length > 1 || this.#endpoints[endpoint]?.socketPath !== undefined;
        const asked = soon && status === 503 ? 0 : Number(retryAfter ?? 0) * 1000;
        delay = Math.max(backoff.next(), Number.isFinite(asked) ? Math.min(asked, 5_000) : 0);
        outcome = () => ({ status, body, retryAfter });
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        this.#leave(endpoint);
        if (call.signal?.aborted === true || this.#closing.signal.aborted) throw error;
        if (error.sent && call.method !== 'GET') throw error;
        // Trying again does not make a certificate good; another server may have a better one.
        if (isUntrusted(error)) untrusted.add(endpoint);
        if (untrusted.size === this.#endpoints.length) throw error;
        delay = backoff.next();
        outcome = () => {
          throw error;
        };
      }
      if (performance.now() + delay > giveUpAt) return outcome();
      await pause(delay, call.signal ?? this.#closing.signal);
      if (call.signal?.aborted === true || this.#closing.signal.aborted) return outcome();
    }
  }

  async #attempt(call: Call): Promise<TransportResponse> {
    const endpoint = this.#endpoints[this.#current];
    if (endpoint === undefined) throw new Error('no server is configured');
    const host = this.#hostOf(this.#current);
    const since = performance.now();
    let code: number | undefined;
    try {
      const response = await this.#transport.send(endpoint, {
        method: call.method,
        path: call.path,
        headers: { ...this.#headers, ...call.headers },
        body: call.body,
        signal: call.signal,
        timeoutMs: this.#timeoutMs,
      });
      code = response.status;
      return response;
    } finally {
      const seconds = (performance.now() - since) / 1_000;
      this.#metrics?.answered(call.method, host, code, seconds, Buffer.byteLength(call.body ?? ''));
    }
  }

  #hostOf(endpoint: number): string {
    return this.#endpoints[endpoint]?.url.host ?? '';
  }

  /** Moves to the next server, unless another call already did. */
  #leave(endpoint: number): void {
    if (this.#current === endpoint) this.#current = (endpoint + 1) % this.#endpoints.length;
  }

  async #refusal(response: TransportResponse): Promise<ApiError> {
    const body = await readBody(response.body, this.#timeoutMs, maxBodyBytes);
    return apiErrorFrom(response.status, body, response.header('retry-after'));
  }
}

/** Makes a client. Throws when neither a server nor a socket is given, or a URL is not `https:`. */
export function createClient(options: ClientOptions): ApiClient {
  return new HttpsApiClient(options);
}

function endpointsOf(options: ClientOptions): Endpoint[] {
  if (options.socketPath !== undefined && options.socketPath !== '') {
    return [{ url: new URL('https://localhost'), socketPath: options.socketPath }];
  }
  const servers = options.servers ?? [];
  if (servers.length === 0) throw new Error('a client needs at least one server or a socket');
  return servers.map((server) => {
    const url = new URL(server);
    if (url.protocol !== 'https:') throw new Error(`server "${server}" is not an https:// address`);
    return { url };
  });
}

function typed<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions): T {
  if (options.subresource !== undefined && options.subresource !== 'status') return object;
  return { ...object, apiVersion: object.apiVersion ?? apiVersionOf(type), kind: object.kind ?? type.kind };
}
