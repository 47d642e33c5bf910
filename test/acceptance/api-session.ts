/**
 * A bare HTTPS client of the API server through a kubeconfig's one address: no retries, no fail-over and no caching
 * of its own, so that what a test sees is what the cluster does.
 */
import { type Agent as HttpsAgent, Agent, request, type RequestOptions } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly code?: number;
    readonly message?: string;
  };
}

export class ApiSession {
  readonly #server: URL;
  readonly #options: RequestOptions;
  readonly #agent: HttpsAgent;

  private constructor(server: URL, options: RequestOptions) {
    this.#server = server;
    this.#options = options;
    // A connection per request: none may survive a failover by accident.
    this.#agent = new Agent({ keepAlive: false, ...pick(options) });
  }

  /** `server` and `identity` replace the kubeconfig's own. */
  static async open(
    kubeconfig: string,
    server?: string,
    identity?: { readonly cert: string; readonly key: string },
  ): Promise<ApiSession> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const url = server ?? config.getCurrentCluster()?.server;
    if (url === undefined) throw new Error(`${kubeconfig} names no server`);
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return new ApiSession(new URL(url), { ...options, ...identity });
  }

  /** Rejects when no whole answer arrives within `timeoutMs`. */
  send<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    timeoutMs = 1_500,
  ): Promise<Answer<T>> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, this.#server), {
        ...pick(this.#options),
        method,
        agent: this.#agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          accept: 'application/json',
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as T });
          } catch (error) {
            reject(
              new Error(
                `${method} ${path} answered ${response.statusCode ?? 0} with "${text.slice(0, 200)}"`,
                { cause: error },
              ),
            );
          }
        });
      });
      outgoing.end(payload);
    });
  }

  /** One watch connection. Ends, without an error, when the connection does or after `silenceMs` without a line. */
  async *watch(path: string, silenceMs: number, stop: AbortSignal): AsyncGenerator<WatchLine> {
    const abort = new AbortController();
    const onStop = (): void => abort.abort();
    stop.addEventListener('abort', onStop);
    let timer = setTimeout(() => abort.abort(), silenceMs);
    try {
      const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
        const outgoing = request(new URL(path, this.#server), {
          ...pick(this.#options),
          agent: this.#agent,
          signal: abort.signal,
        });
        outgoing.on('error', reject);
        outgoing.on('response', resolve);
        outgoing.end();
      });
      let rest = '';
      for await (const chunk of response) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(), silenceMs);
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        if (response.statusCode !== 200)
          throw new Error(`${path} answered ${response.statusCode ?? 0}: ${lines.join('')}${rest}`);
        for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchLine;
      }
      if (response.statusCode === 410) throw new Error(`${path} answered 410: ${rest}`);
    } catch (error) {
      if (error instanceof Error && /answered \d+/.test(error.message) && !/answered 503/.test(error.message))
        throw error;
    } finally {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
      abort.abort();
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The TLS part of the options, which is all that a kubeconfig gives here. */
function pick({ ca, cert, key, rejectUnauthorized }: RequestOptions): SecureContextOptions {
  return Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized }).filter(([, value]) => value !== undefined),
  );
}
