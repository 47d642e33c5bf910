/**
 * One request to one endpoint over TLS. An endpoint is an `https://host:port` or a unix socket. The answer is there as
 * soon as the response's headers are; the body is a stream.
 *
 * HTTP/2 carries everything of a client, watches included, on one connection, whose pings find a vanished server
 * within seconds; a server that only speaks HTTP/1.1 is remembered and used over a keep-alive agent.
 *
 * Invariant: every send ends within its deadline, and an error says whether the request may have been seen by a
 * server (`ConnectionError.sent`), which decides whether it may be repeated.
 */
import type {
  Endpoint,
  Patience,
  ResponseBody,
  TlsIdentity,
  TransportRequest,
  TransportResponse,
} from './endpoint.ts';
import { ConnectionError } from './errors.ts';
import { Http1Transport } from './http1.ts';
import { Http2Transport } from './http2.ts';

export class Transport {
  readonly #http1: Http1Transport;
  readonly #http2: Http2Transport;
  readonly #onlyHttp1 = new Set<string>();

  constructor(identity: TlsIdentity, patience: Patience) {
    this.#http1 = new Http1Transport(identity, patience);
    this.#http2 = new Http2Transport(identity, patience);
  }

  async send(endpoint: Endpoint, request: TransportRequest): Promise<TransportResponse> {
    const name = endpoint.socketPath ?? endpoint.url.host;
    if (!this.#onlyHttp1.has(name)) {
      const response = await this.#http2.send(endpoint, request);
      if (response !== 'http1') return response;
      this.#onlyHttp1.add(name);
    }
    return this.#http1.send(endpoint, request);
  }

  close(): void {
    this.#http1.close();
    this.#http2.close();
  }
}

/** Reads a whole body within a deadline and a size. Rejects with `ConnectionError` when it breaks. */
export async function readBody(body: ResponseBody, timeoutMs: number, maxBytes: number): Promise<Buffer> {
  const timer = setTimeout(
    () => body.destroy(new Error(`the answer did not end within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ConnectionError(error instanceof Error ? error.message : String(error), true, error);
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks, size);
}
