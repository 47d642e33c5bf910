/**
 * One HTTPS request to a webhook: a JSON body there, a JSON body back. Bounded in time and size; connections are kept
 * for the next call. The certificate must be signed by the given authority (or a public one) for the given name.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { exchangeText } from '../callouts/exchange-text.ts';
import type { ServerState } from '../server-state.ts';
import { endpointsOf, serverNameOf } from './service-endpoint.ts';

/** As both kinds of `clientConfig` have it. */
export interface WebhookClientConfig {
  readonly url?: string | undefined;
  readonly service?:
    | { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
    | undefined;
  /** PEM in base64. */
  readonly caBundle?: string | undefined;
}

/** The call was not answered, or not with 200 and JSON. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

const maxAnswerBytes = 16 * 1024 * 1024;
const maxSockets = 32;
const defaultPort = 443;

interface Destination {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly servername: string;
  /** As messages name it. */
  readonly url: string;
}

export class WebhookClient {
  readonly #server: Pick<ServerState, 'registry' | 'cache' | 'root'>;
  readonly #config: WebhookClientConfig;
  readonly #agent: Agent;

  constructor(server: Pick<ServerState, 'registry' | 'cache' | 'root'>, config: WebhookClientConfig) {
    this.#server = server;
    this.#config = config;
    const ca = config.caBundle ? Buffer.from(config.caBundle, 'base64') : undefined;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets,
      timeout: 60_000,
      ...(ca === undefined ? {} : { ca }),
    });
  }

  /** Posts `body` and returns what came back. Throws a `WebhookError`; a `StatusError` when the Service has no pods. */
  async post(body: object, timeoutMs: number): Promise<unknown> {
    const to = this.#destination();
    const text = JSON.stringify(body);
    const fail = (reason: string): WebhookError => new WebhookError(`Post "${to.url}": ${reason}`);
    const request = httpsRequest({
      host: to.host,
      port: to.port,
      path: to.path,
      method: 'POST',
      agent: this.#agent,
      servername: isIP(to.servername) === 0 ? to.servername : '',
      headers: {
        host: to.port === defaultPort ? to.servername : `${to.servername}:${to.port}`,
        'content-type': 'application/json',
        accept: 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      },
    });
    let answer;
    try {
      answer = await exchangeText(request, text, { timeoutMs, maxAnswerBytes });
    } catch (error) {
      throw fail(error instanceof Error ? error.message : String(error));
    }
    if (answer.status !== 200)
      throw fail(`unexpected status ${answer.status}: ${answer.text.slice(0, 512).trim()}`);
    try {
      return JSON.parse(answer.text);
    } catch {
      throw fail('the answer is not JSON');
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #destination(): Destination {
    const { url, service } = this.#config;
    if (service !== undefined) {
      const { namespace, name, path = '/', port = defaultPort } = service;
      const target = { namespace, name, port };
      const endpoints = endpointsOf(this.#server, target);
      const chosen = endpoints[Math.floor(Math.random() * endpoints.length)];
      if (chosen === undefined) throw new WebhookError(`service ${namespace}/${name} has no endpoints`);
      const servername = serverNameOf(target);
      return { ...chosen, path, servername, url: `https://${servername}:${port}${path}` };
    }
    const parsed = new URL(url ?? '');
    const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
    return {
      host,
      port: parsed.port === '' ? defaultPort : Number(parsed.port),
      path: `${parsed.pathname}${parsed.search}`,
      servername: host,
      url: parsed.href,
    };
  }
}
