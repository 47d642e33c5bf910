/**
 * Asks a service outside of the cluster that a kubeconfig file names: one POST of JSON, with the file's certificate or
 * token, to exactly the URL of its server. Bounded in time and size. Source: "Webhook Token Authentication", "Webhook
 * Mode" and "Webhook backend" of the Kubernetes documentation, which share the form of the file.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { loadKubeconfig } from '@timonier/client';
import { exchangeText } from './exchange-text.ts';

const maxAnswerBytes = 1 << 20;
const maxSockets = 32;
const idleMs = 60_000;
const maxAttempts = 5;
const firstPauseMs = 500;
/** Codes that say that the next try may go well. */
const passing: ReadonlySet<number> = new Set([429, 500, 504]);
const lostConnections: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

class CalloutError extends Error {
  override readonly name = 'CalloutError';
  /** True when the same question may be answered a moment later. */
  readonly isPassing: boolean;

  constructor(message: string, isPassing: boolean) {
    super(message);
    this.isPassing = isPassing;
  }
}

export interface PostOptions {
  /** For all tries together. */
  readonly timeoutMs: number;
  /** Between the first try and the second; later pauses are half as long again each. 0 tries once. */
  readonly retryMs?: number;
}

export class KubeconfigClient {
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #servername: string;

  /** Reads the file. Throws with its name and what is wrong with it. */
  constructor(path: string) {
    const { servers, ca, cert, key, token, serverName, insecureSkipVerify } = loadKubeconfig(path);
    const server = servers[0] ?? '';
    if (!URL.canParse(server)) throw new Error(`kubeconfig ${path}: "${server}" is not a URL`);
    this.#url = new URL(server);
    if (this.#url.protocol !== 'https:' && this.#url.protocol !== 'http:')
      throw new Error(`kubeconfig ${path}: the server's URL must begin with https:// or http://`);
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#servername = serverName ?? (isIP(host) === 0 ? host : '');
    const shared = { keepAlive: true, maxSockets, timeout: idleMs };
    this.#agent =
      this.#url.protocol === 'http:'
        ? new HttpAgent(shared)
        : new HttpsAgent({
            ...shared,
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
            rejectUnauthorized: insecureSkipVerify !== true,
          });
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** What came back. Throws a `CalloutError` without secrets in it. */
  async post(text: string, { timeoutMs, retryMs = firstPauseMs }: PostOptions): Promise<unknown> {
    const deadline = performance.now() + timeoutMs;
    let pause = retryMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(text, Math.max(1, deadline - performance.now()));
      } catch (error) {
        const isLast = retryMs === 0 || attempt >= maxAttempts || performance.now() + pause >= deadline;
        if (isLast || !(error instanceof CalloutError) || !error.isPassing) throw error;
      }
      const ms = pause * (1 + Math.random() * 0.2);
      await new Promise((resolve) => setTimeout(resolve, ms));
      pause *= 1.5;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #once(text: string, timeoutMs: number): Promise<unknown> {
    const send = this.#url.protocol === 'http:' ? httpRequest : httpsRequest;
    const request = send(this.#url, {
      method: 'POST',
      agent: this.#agent,
      ...(this.#servername === '' ? {} : { servername: this.#servername }),
      headers: {
        ...this.#headers,
        'content-type': 'application/json',
        accept: 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      },
    });
    let answer;
    try {
      answer = await exchangeText(request, text, { timeoutMs, maxAnswerBytes });
    } catch (error) {
      const { message, code = '' } = error as NodeJS.ErrnoException;
      throw this.#failure(message, lostConnections.has(code));
    }
    const { status } = answer;
    if (status < 200 || status >= 300) throw this.#failure(`it answered ${status}`, passing.has(status));
    if (answer.text.trim() === '') return undefined;
    try {
      return JSON.parse(answer.text);
    } catch {
      throw this.#failure('the answer is not JSON', false);
    }
  }

  /** Without what a URL may hold of credentials. */
  #failure(reason: string, isPassing: boolean): CalloutError {
    const { origin, pathname } = this.#url;
    return new CalloutError(`Post "${origin}${pathname}": ${reason}`, isPassing);
  }
}
