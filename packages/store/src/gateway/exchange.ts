/**
 * A request and its answer, whichever HTTP they came by: what the gateway needs of HTTP/1's objects of Node and of a
 * stream of our own HTTP/2.
 *
 * The answer's head is sent once; what is written behind it goes out in order. A client that takes nothing of what
 * waits for it for 30 seconds is given up.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { WebCall } from '@timonier/grpc';

export type Fields = Readonly<Record<string, string | number>>;

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** The host that the client means, perhaps with a port. */
  readonly host: string;
  readonly peer: string;
  readonly secure: boolean;
  /** Common name of a certificate that an authority of ours signed. */
  readonly clientName: string | undefined;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Whether the answer's head is on its way. */
  readonly begun: boolean;
  header(name: string): string | undefined;
  /** Ends when the client says so, or is gone. */
  body(): AsyncIterable<Buffer>;
  /** Adds a field to whatever head is sent. */
  add(name: string, value: string): void;
  begin(status: number, fields: Fields): void;
  /** False asks to wait for `drained`. */
  write(text: string): boolean;
  drained(): Promise<void>;
  end(text?: string): void;
  /** Ends it as broken. */
  abort(): void;
}

const stallMs = 30_000;

export class Http1Exchange implements Exchange {
  readonly peer: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #controller = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    const { socket } = request;
    this.peer = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    const stalled = (): void => {
      if (response.writableLength > 0 || socket.writableLength > 0) socket.destroy();
    };
    socket.setTimeout(stallMs);
    socket.on('timeout', stalled);
    response.once('close', () => {
      socket.off('timeout', stalled);
      this.#controller.abort();
    });
  }

  get method(): string {
    return this.#request.method ?? '';
  }

  get url(): string {
    return this.#request.url ?? '/';
  }

  get host(): string {
    return this.#request.headers.host ?? '';
  }

  get secure(): boolean {
    return this.#request.socket instanceof TLSSocket;
  }

  get clientName(): string | undefined {
    const { socket } = this.#request;
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
    const name: unknown = socket.getPeerCertificate().subject?.CN;
    return typeof name === 'string' ? name : undefined;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get begun(): boolean {
    return this.#response.headersSent;
  }

  header(name: string): string | undefined {
    const header = this.#request.headers[name];
    return Array.isArray(header) ? header[0] : header;
  }

  async *body(): AsyncGenerator<Buffer> {
    try {
      // Whoever stops reading still answers, on this connection.
      const chunks: AsyncIterable<Buffer> = this.#request.iterator({ destroyOnReturn: false });
      yield* chunks;
    } catch (error) {
      if (!this.signal.aborted && !this.#request.destroyed) throw error;
    }
  }

  add(name: string, value: string): void {
    this.#response.setHeader(name, value);
  }

  begin(status: number, fields: Fields): void {
    // The rest of what is refused is not waited for.
    if (status >= 400 && !this.#request.complete) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, { ...fields });
  }

  write(text: string): boolean {
    return this.signal.aborted || this.#response.write(text);
  }

  drained(): Promise<void> {
    const response = this.#response;
    if (!response.writableNeedDrain || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  end(text?: string): void {
    if (!this.#response.destroyed) this.#response.end(text);
    // What is left of a body that nobody wants.
    this.#request.resume();
  }

  abort(): void {
    this.#request.destroy();
  }
}

export class Http2Exchange implements Exchange {
  readonly #call: WebCall;
  readonly #added: Record<string, string> = {};
  #begun = false;

  constructor(call: WebCall) {
    this.#call = call;
  }

  get method(): string {
    return this.#call.method;
  }

  get url(): string {
    return this.#call.path;
  }

  get host(): string {
    return this.#call.authority;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get secure(): boolean {
    return this.#call.secure;
  }

  get clientName(): string | undefined {
    return this.#call.clientName;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get begun(): boolean {
    return this.#begun;
  }

  header(name: string): string | undefined {
    return this.#call.metadata(name);
  }

  body(): AsyncIterable<Buffer> {
    return this.#call.body;
  }

  add(name: string, value: string): void {
    this.#added[name] = value;
  }

  begin(status: number, fields: Fields): void {
    this.#begun = true;
    const all: Fields = { ...this.#added, ...fields, Date: new Date().toUTCString() };
    this.#call.respond(
      status,
      Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)])),
    );
  }

  write(text: string): boolean {
    return this.#call.send(Buffer.from(text));
  }

  async drained(): Promise<void> {
    const late = setTimeout(() => this.#call.abort(), stallMs);
    try {
      await this.#call.drained();
    } finally {
      clearTimeout(late);
    }
  }

  /** The stream itself ends with its handler. */
  end(text?: string): void {
    if (text !== undefined) this.#call.send(Buffer.from(text));
  }

  abort(): void {
    this.#call.abort();
  }
}
