/**
 * One secondary API server: how it is reached, whether it answers, and what it says it serves. Requests carry this
 * server's client certificate and the user's name and groups in headers; the secondary server believes those because
 * the certificate is signed by the authority it was told of.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { APIResourceList } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { GatheredBytes } from '../gathered-bytes.ts';
import { headerOf } from '../http/header-text.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { ServerState } from '../server-state.ts';
import { apiServiceName, passed, type Service, type Verdict } from './api-service.ts';
import { type OpenApiIndex, openApiIndexOf, resourceListOf, type Swagger, swaggerOf } from './learnt.ts';
import { type Endpoint, endpointsOf, serverNameOf } from './service-endpoint.ts';

/** The certificate by which secondary servers know this one. */
export interface ProxyTls {
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

const checkTimeoutMs = 5_000;
/** For documents that were not to be had. */
const learnAgainMs = 60_000;
const maxListBytes = 2 * 1024 * 1024;
const maxDocumentBytes = 16 * 1024 * 1024;
const defaultPort = 443;

export class RemoteServer {
  readonly group: string;
  readonly version: string;
  readonly service: Service;
  /** What the last check found; until the first one it counts as reachable. */
  verdict: Verdict = { available: false, reason: 'NotChecked', message: 'not checked yet' };
  /** What it serves, as far as it ever said. */
  resources: APIResourceList | undefined;
  /** Whether the last answer to what it serves was one. */
  hasSaid = true;
  /** Its index of OpenAPI v3, and its OpenAPI v2, as far as it has them. */
  openapi: OpenApiIndex | undefined;
  swagger: Swagger | undefined;
  readonly #server: ServerState;
  readonly #tls: ProxyTls;
  readonly #agent: Agent;
  /** Where its documents are to be asked for, and since when at the earliest; undefined when they are known. */
  #unlearnt: { readonly endpoint: Endpoint; readonly notBefore: number } | undefined;

  constructor(server: ServerState, service: Service, tls: ProxyTls) {
    this.#server = server;
    this.#tls = tls;
    this.service = service;
    this.group = service.spec?.group ?? '';
    this.version = service.spec?.version ?? '';
    // As many connections as there are requests: one that waits for another's end might wait for that of a watch. What is
    // under way is bounded by seats and by the room for what is long.
    this.#agent = new Agent({ keepAlive: true });
  }

  get name(): string {
    return apiServiceName(this);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The options of a request to one of its endpoints. Throws a `StatusError` (503) when there is none. */
  target(endpoint = this.#choose()): RequestOptions {
    const { caBundle, insecureSkipTLSVerify } = this.service.spec ?? {};
    const { cert, key } = this.#tls;
    return {
      host: endpoint.host,
      port: endpoint.port,
      servername: serverNameOf(this.#service()),
      agent: this.#agent,
      rejectUnauthorized: insecureSkipTLSVerify !== true,
      ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    };
  }

  /** Asks every endpoint in turn whether it serves the group, and with what; one that does is enough. */
  async check(signal: AbortSignal): Promise<Verdict> {
    let endpoints: readonly Endpoint[];
    try {
      endpoints = endpointsOf(this.#server, this.#service());
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const message = error.message;
      if (message.includes('not found')) {
        const { name, namespace } = this.#service();
        const text = `service/${name} in ${JSON.stringify(namespace)} is not present`;
        return { available: false, reason: 'ServiceNotFound', message: text };
      }
      const reason = message.includes('service port') ? 'ServicePortError' : 'MissingEndpoints';
      return { available: false, reason, message };
    }
    let failure = '';
    for (const endpoint of endpoints.slice(0, 5)) {
      const path = `/apis/${this.group}/${this.version}`;
      try {
        const given = await this.#read(path, endpoint, signal, maxListBytes);
        const list = resourceListOf(given, `${this.group}/${this.version}`);
        this.hasSaid = list !== undefined;
        if (list !== undefined) this.#noteServed(list, endpoint);
        return passed;
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        failure = `failing or missing response from https://${endpoint.host}:${endpoint.port}${path}: ${text}`;
      }
    }
    return { available: false, reason: 'FailedDiscoveryCheck', message: failure };
  }

  #noteServed(list: APIResourceList, endpoint: Endpoint): void {
    const isKnown = JSON.stringify(list) === JSON.stringify(this.resources);
    this.resources = list;
    if (!isKnown || this.openapi === undefined) this.#unlearnt = { endpoint, notBefore: 0 };
  }

  /** Asks for its OpenAPI documents when it serves something else than before; not every server has them. */
  async learn(signal: AbortSignal): Promise<void> {
    const { endpoint, notBefore } = this.#unlearnt ?? {};
    if (endpoint === undefined || performance.now() < (notBefore ?? 0)) return;
    let isWhole = true;
    const read = (path: string): Promise<unknown> =>
      this.#read(path, endpoint, signal).catch(() => {
        isWhole = false;
        return {};
      });
    this.openapi = openApiIndexOf(await read('/openapi/v3'), `apis/${this.group}/${this.version}`);
    this.swagger = swaggerOf(await read('/openapi/v2'));
    // It may have been busy, or is still starting.
    this.#unlearnt = isWhole ? undefined : { endpoint, notBefore: performance.now() + learnAgainMs };
  }

  #service(): { namespace: string; name: string; port: number } {
    const { namespace = '', name = '', port = defaultPort } = this.service.spec?.service ?? {};
    return { namespace, name, port };
  }

  #choose(): Endpoint {
    const endpoints = endpointsOf(this.#server, this.#service());
    const chosen = endpoints[Math.floor(Math.random() * endpoints.length)];
    if (chosen === undefined) throw new Error(`${this.name} has no endpoints`);
    return chosen;
  }

  async #read(
    path: string,
    endpoint: Endpoint,
    signal: AbortSignal,
    maxBytes = maxDocumentBytes,
  ): Promise<unknown> {
    const headers = { accept: 'application/json', ...identityHeaders(ownUser) };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(checkTimeoutMs)]);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpsRequest({ ...this.target(endpoint), path, method: 'GET', headers, signal: limit });
      request.once('response', resolve);
      request.once('error', reject);
      request.end();
    });
    const body = new GatheredBytes(maxBytes, () => new Error('the answer is too large'));
    for await (const chunk of response as AsyncIterable<Buffer>) body.add(chunk);
    const text = body.whole().toString();
    const { statusCode = 0 } = response;
    if (statusCode < 200 || statusCode >= 300)
      throw new Error(`bad status ${statusCode}: ${text.slice(0, 200).trim()}`);
    return JSON.parse(text);
  }
}

const ownUser: User = { name: 'system:kube-aggregator', groups: ['system:masters'] };

/** Who a request is from, as secondary servers read it. */
export function identityHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'x-remote-user': headerOf(name) };
  if (uid !== undefined && uid !== '') headers['x-remote-uid'] = headerOf(uid);
  if (groups.length > 0) headers['x-remote-group'] = groups.map(headerOf);
  for (const [key, values] of Object.entries(extra))
    headers[`x-remote-extra-${escaped(key)}`] = values.map(headerOf);
  return headers;
}

/** What a header's name cannot hold, and the sign of that itself, as bytes in hexadecimal. */
function escaped(key: string): string {
  return headerOf(key)
    .replace(/[^!#$&'*+\-.0-9A-Z^_`a-z|~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .toLowerCase();
}
