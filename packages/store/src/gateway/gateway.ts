/**
 * What the client port answers beside gRPC, over HTTP/1 and HTTP/2: the JSON gateway to every gRPC method, and /health,
 * /version and /metrics.
 *
 * It answers with the very handlers that gRPC answers with, so checks, limits and errors are the same. A request's
 * body is bounded, and so is the time it may take to come; a client that takes nothing is disconnected.
 */
import { createServer, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { BidiHandler, ServerStreamHandler, UnaryHandler, WebCall } from '@timonier/grpc';
import { GrpcError, Status } from '@timonier/grpc';
import { type Exchange, Http1Exchange, Http2Exchange } from './exchange.ts';
import { GatewayCall, type GatewayMethod, parseJson } from './gateway-call.ts';

/** A page by GET, as text. */
export type GatewayPage = () => Promise<{
  readonly status: number;
  readonly type: string;
  readonly body: string;
}>;

export interface GatewayOptions {
  /** By whole path. */
  readonly methods: ReadonlyMap<string, GatewayMethod>;
  /** Below these, a path that is none is answered by the gateway itself. */
  readonly prefixes: readonly string[];
  readonly pages: ReadonlyMap<string, GatewayPage>;
  /** Longest message in JSON. */
  readonly maxLength: number;
  /** Origins that browsers may call from; empty for every one. */
  readonly cors: readonly string[];
  /** Names that requests without TLS may use for this host; empty for every one. */
  readonly hostWhitelist: readonly string[];
  /** Whether clients are told apart by the common names of their certificates, which the gateway does not do. */
  readonly namesCount: () => boolean;
}

const httpStatus: ReadonlyMap<number, number> = new Map([
  [Status.CANCELLED, 408],
  [Status.UNKNOWN, 500],
  [Status.INVALID_ARGUMENT, 400],
  [Status.DEADLINE_EXCEEDED, 504],
  [Status.NOT_FOUND, 404],
  [Status.ALREADY_EXISTS, 409],
  [Status.PERMISSION_DENIED, 403],
  [Status.UNAUTHENTICATED, 401],
  [Status.RESOURCE_EXHAUSTED, 429],
  [Status.FAILED_PRECONDITION, 412],
  [Status.ABORTED, 409],
  [Status.OUT_OF_RANGE, 400],
  [Status.UNIMPLEMENTED, 501],
  [Status.INTERNAL, 500],
  [Status.UNAVAILABLE, 503],
  [Status.DATA_LOSS, 500],
]);

const bodyMs = 60_000;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#server = createServer(
      // A watch's request goes on as long as the watch; bodies of others have their own deadline.
      { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 60_000 },
      (request, response) => void this.#answer(new Http1Exchange(request, response)),
    );
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Answers one request of HTTP/2. */
  answer(call: WebCall): Promise<void> {
    return this.#answer(new Http2Exchange(call));
  }

  /** Takes over a connection of HTTP/1. */
  accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#server.emit('connection', socket);
    socket.resume();
  }

  close(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#sockets) socket.destroySoon();
  }

  async #answer(exchange: Exchange): Promise<void> {
    const path = exchange.url.split('?')[0] ?? '/';
    try {
      this.#allowOrigins(exchange);
      if (!this.#admitted(exchange)) {
        plain(exchange, 421, 'this host has another name; see --host-whitelist');
        return;
      }
      if (this.#mistaken(exchange, path)) {
        plain(
          exchange,
          400,
          'CommonName of client sending a request against gateway will be ignored and not used as expected',
        );
        return;
      }
      if (exchange.method === 'OPTIONS') {
        exchange.begin(200, {});
        exchange.end();
        return;
      }
      const page = this.#options.pages.get(path);
      const method = this.#options.methods.get(path);
      if (page !== undefined) await servePage(exchange, page);
      else if (method === undefined)
        plain(exchange, 404, this.#isOurs(path) ? 'Not Found' : '404 page not found');
      else if (exchange.method !== 'POST') plain(exchange, 405, 'Method Not Allowed');
      else await this.#call(exchange, method);
    } catch (error) {
      refuse(exchange, error);
    }
  }

  #isOurs(path: string): boolean {
    return this.#options.prefixes.some((prefix) => path.startsWith(`${prefix}/`));
  }

  /** Without TLS a browser can be tricked into speaking to us under another name. */
  #admitted({ secure, host }: Exchange): boolean {
    const { hostWhitelist } = this.#options;
    return hostWhitelist.length === 0 || secure || hostWhitelist.includes(host.replace(/:\d+$/, ''));
  }

  /** Whoever shows a name would believe to be known by it. */
  #mistaken({ secure, clientName = '' }: Exchange, path: string): boolean {
    return secure && path.startsWith('/v3/') && this.#options.namesCount() && clientName !== '';
  }

  #allowOrigins(exchange: Exchange): void {
    const { cors } = this.#options;
    const from = exchange.header('origin');
    const origin = cors.length === 0 ? '*' : cors.find((each) => each === from);
    if (origin === undefined) return;
    exchange.add('Access-Control-Allow-Headers', 'accept, content-type, authorization');
    exchange.add('Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE');
    exchange.add('Access-Control-Allow-Origin', origin);
  }

  async #call(exchange: Exchange, method: GatewayMethod): Promise<void> {
    const call = new GatewayCall(exchange, method, this.#options.maxLength);
    const { requestStream, responseStream } = method.definition;
    if (requestStream) await (method.handler as BidiHandler<object, object>)(call);
    else {
      const message = call.message(await firstValue(exchange, call));
      if (responseStream) await (method.handler as ServerStreamHandler<object, object>)(message, call);
      else {
        const answer = await (method.handler as UnaryHandler<object, object>)(message, call);
        const body = method.json.response.write(answer);
        exchange.begin(200, {
          'Content-Type': 'application/json',
          'Grpc-Metadata-Content-Type': 'application/grpc',
          'Content-Length': Buffer.byteLength(body),
        });
        exchange.end(body);
        return;
      }
    }
    if (!exchange.begun) exchange.begin(200, { 'Content-Type': 'application/json' });
    exchange.end();
  }
}

/** The first JSON value of a body; an empty one is an empty message. */
async function firstValue(exchange: Exchange, call: GatewayCall): Promise<unknown> {
  const late = setTimeout(() => exchange.abort(), bodyMs);
  try {
    for await (const text of call.texts()) return parseJson(text);
    return {};
  } finally {
    clearTimeout(late);
  }
}

async function servePage(exchange: Exchange, page: GatewayPage): Promise<void> {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    exchange.add('Allow', 'GET');
    plain(exchange, 405, 'Method Not Allowed');
    return;
  }
  const { status, type, body } = await page();
  exchange.begin(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  exchange.end(exchange.method === 'HEAD' ? undefined : body);
}

/** As Go's standard library answers. */
function plain(exchange: Exchange, status: number, text: string): void {
  exchange.begin(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  exchange.end(`${text}\n`);
}

function refuse(exchange: Exchange, thrown: unknown): void {
  if (exchange.signal.aborted) return;
  const error =
    thrown instanceof GrpcError
      ? thrown
      : new GrpcError(Status.INTERNAL, thrown instanceof Error ? thrown.message : String(thrown));
  const status = httpStatus.get(error.code) ?? 500;
  const { code, details } = error;
  if (exchange.begun) {
    // A stream that has begun can only say it in a line of its own.
    const line = { grpc_code: code, http_code: status, message: details, http_status: STATUS_CODES[status] };
    exchange.end(`${JSON.stringify({ error: line })}\n`);
    return;
  }
  exchange.begin(status, { 'Content-Type': 'application/json' });
  exchange.end(JSON.stringify({ error: details, message: details, code }));
}
