/**
 * The HTTP/1 half of the client port: the JSON gateway to every gRPC method, and /health, /version and /metrics.
 *
 * It answers with the very handlers that gRPC answers with, so checks, limits and errors are the same. A request's
 * body is bounded, and so is the time it may take to come; a client that takes nothing is disconnected.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { BidiHandler, ServerStreamHandler, UnaryHandler } from '@timonier/grpc';
import { GrpcError, Status } from '@timonier/grpc';
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
const stallMs = 30_000;

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#server = createServer(
      // A watch's request goes on as long as the watch; bodies of others have their own deadline.
      { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 60_000 },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Takes over a connection. */
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

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#guard(request, response);
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    try {
      this.#allowOrigins(request, response);
      if (!this.#admitted(request)) {
        plain(response, 421, 'this host has another name; see --host-whitelist');
        return;
      }
      if (this.#mistaken(request, path)) {
        plain(
          response,
          400,
          'CommonName of client sending a request against gateway will be ignored and not used as expected',
        );
        return;
      }
      if (request.method === 'OPTIONS') {
        response.writeHead(200).end();
        return;
      }
      const page = this.#options.pages.get(path);
      const method = this.#options.methods.get(path);
      if (page !== undefined) await servePage(request, response, page);
      else if (method === undefined)
        plain(response, 404, this.#isOurs(path) ? 'Not Found' : '404 page not found');
      else if (request.method !== 'POST') plain(response, 405, 'Method Not Allowed');
      else await this.#call(request, response, method);
    } catch (error) {
      refuse(response, error);
    } finally {
      // What is left of a body that nobody wants.
      request.resume();
    }
  }

  #isOurs(path: string): boolean {
    return this.#options.prefixes.some((prefix) => path.startsWith(`${prefix}/`));
  }

  /** Without TLS a browser can be tricked into speaking to us under another name. */
  #admitted(request: IncomingMessage): boolean {
    const { hostWhitelist } = this.#options;
    if (hostWhitelist.length === 0 || 'encrypted' in request.socket) return true;
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    return hostWhitelist.includes(host);
  }

  /** Whoever shows a name would believe to be known by it. */
  #mistaken({ socket }: IncomingMessage, path: string): boolean {
    if (!(socket instanceof TLSSocket) || !path.startsWith('/v3/') || !this.#options.namesCount())
      return false;
    return socket.authorized && (socket.getPeerCertificate().subject?.CN ?? '') !== '';
  }

  #allowOrigins({ headers }: IncomingMessage, response: ServerResponse): void {
    const { cors } = this.#options;
    const origin = cors.length === 0 ? '*' : cors.find((each) => each === headers.origin);
    if (origin === undefined) return;
    response.setHeader('Access-Control-Allow-Headers', 'accept, content-type, authorization');
    response.setHeader('Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE');
    response.setHeader('Access-Control-Allow-Origin', origin);
  }

  /** Ends a connection whose client takes nothing of what waits for it. */
  #guard({ socket }: IncomingMessage, response: ServerResponse): void {
    const stalled = (): void => {
      if (response.writableLength > 0 || socket.writableLength > 0) socket.destroy();
    };
    socket.setTimeout(stallMs);
    socket.on('timeout', stalled);
    response.once('close', () => socket.off('timeout', stalled));
  }

  async #call(request: IncomingMessage, response: ServerResponse, method: GatewayMethod): Promise<void> {
    const call = new GatewayCall(request, response, method, this.#options.maxLength);
    const { requestStream, responseStream } = method.definition;
    if (requestStream) await (method.handler as BidiHandler<object, object>)(call);
    else {
      const message = call.message(await firstValue(request, call));
      if (responseStream) await (method.handler as ServerStreamHandler<object, object>)(message, call);
      else {
        const answer = await (method.handler as UnaryHandler<object, object>)(message, call);
        const body = method.json.response.write(answer);
        response.writeHead(200, {
          'Content-Type': 'application/json',
          'Grpc-Metadata-Content-Type': 'application/grpc',
          'Content-Length': Buffer.byteLength(body),
        });
        response.end(body);
        return;
      }
    }
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end();
  }
}

/** The first JSON value of a body; an empty one is an empty message. */
async function firstValue(request: IncomingMessage, call: GatewayCall): Promise<unknown> {
  const late = setTimeout(() => request.destroy(), bodyMs);
  try {
    for await (const text of call.texts()) return parseJson(text);
    return {};
  } finally {
    clearTimeout(late);
  }
}

async function servePage(
  request: IncomingMessage,
  response: ServerResponse,
  page: GatewayPage,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET');
    plain(response, 405, 'Method Not Allowed');
    return;
  }
  const { status, type, body } = await page();
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** As Go's standard library answers. */
function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(`${text}\n`);
}

function refuse(response: ServerResponse, thrown: unknown): void {
  if (response.destroyed) return;
  const error =
    thrown instanceof GrpcError
      ? thrown
      : new GrpcError(Status.INTERNAL, thrown instanceof Error ? thrown.message : String(thrown));
  const status = httpStatus.get(error.code) ?? 500;
  const { code, details } = error;
  // The rest of what is refused is not waited for.
  if (!response.req.complete) response.shouldKeepAlive = false;
  if (response.headersSent) {
    // A stream that has begun can only say it in a line of its own.
    const line = { grpc_code: code, http_code: status, message: details, http_status: STATUS_CODES[status] };
    response.end(`${JSON.stringify({ error: line })}\n`);
    return;
  }
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: details, message: details, code }));
}
