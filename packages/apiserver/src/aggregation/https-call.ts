/**
 * One HTTPS request to a webhook: a JSON body there, a JSON body back. Bounded in time and size; connections are kept
 * for the next call. The certificate must be signed by the given authority (or a public one) for the given name.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { exchangeText } from '../callouts/exchange-text.ts';
import { StatusError } from '@timonier/api/statuses';
import type { ServerState } from '../server-state.ts';
import { type Endpoint, endpointsOf, serverNameOf, type ServiceTarget } from './service-endpoint.ts';
import { connectionText, statusText } from './webhook-failures.ts';

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
/** Of what a webhook says when it refuses to answer. */
const longestText = 2_048;
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

  /** Posts `body` and returns what came back: what JSON it is, or else its text. Throws a `WebhookError`. */
  async post(body: object, timeoutMs: number): Promise<unknown> {
    const to = this.#destination(`${Math.ceil(timeoutMs / 1_000)}s`);
    const answer = await this.#exchange(to, JSON.stringify(body), timeoutMs);
    return readAnswer(answer);
  }

  async #exchange(to: Destination, text: string, timeoutMs: number, isSecond = false): Promise<Exchanged> {
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
    try {
      return await exchangeText(request, text, { timeoutMs, maxAnswerBytes });
    } catch (error) {
      // A connection that was kept may have been closed meanwhile. Webhooks must stand being asked twice anyway.
      const { code = '' } = error as { code?: string };
      if (!isSecond && request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE'))
        return this.#exchange(to, text, timeoutMs, true);
      throw new WebhookError(`Post "${to.url}": ${connectionText(error)}`, { cause: error });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The webhook is told how long it is waited for. */
  #destination(timeout: string): Destination {
    const { url, service } = this.#config;
    if (service !== undefined) {
      const { namespace, name, path = '/', port = defaultPort } = service;
      const target = { namespace, name, port };
      const servername = serverNameOf(target);
      const whole = `${path}?timeout=${timeout}`;
      const url = `https://${servername}:${port}${whole}`;
      return { ...this.#endpoint(target, url), path: whole, servername, url };
    }
    const parsed = new URL(url ?? '');
    parsed.searchParams.set('timeout', timeout);
    const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
    return {
      host,
      port: parsed.port === '' ? defaultPort : Number(parsed.port),
      path: `${parsed.pathname}${parsed.search}`,
      servername: host,
      url: parsed.href,
    };
  }

  /** One of those that are ready. */
  #endpoint(target: ServiceTarget, url: string): Endpoint {
    try {
      const endpoints = endpointsOf(this.#server, target);
      const chosen = endpoints[Math.floor(Math.random() * endpoints.length)];
      if (chosen !== undefined) return chosen;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const prefix = `service ${target.namespace}/${target.name}: `;
      throw new WebhookError(`Post "${url}": ${error.message.replace(prefix, '')}`, { cause: error });
    }
    throw new WebhookError(`Post "${url}": no endpoints available for service "${target.name}"`);
  }
}

type Exchanged = Awaited<ReturnType<typeof exchangeText>>;

/** What JSON an answer is, or else its text. */
function readAnswer({ status, type, text }: Exchanged): unknown {
  if (status < 200 || status > 206)
    throw new WebhookError(statusText(status, text.slice(0, longestText), type));
  if (text === '')
    throw new WebhookError(`0-length response with status code: ${status} and content type: ${type}`);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
