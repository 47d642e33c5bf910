/**
 * A gRPC client for one service at one target: unary calls as promises with a deadline, streams as async iterables.
 *
 * Failures are `GrpcError`s. Streams have no deadline of their own; cancel them or abort their signal. Breaking
 * out of a `for await` over a stream cancels it.
 */
import grpc from '@grpc/grpc-js';
import { GrpcError, Status } from './error.ts';
import type { MethodDefinition, ServiceDefinition, ServiceShape } from './proto.ts';

export interface ClientTls {
  /** PEM of the authorities that may sign the server's certificate. */
  readonly ca?: Buffer | undefined;
  /** PEM of the client's own certificate and key. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Name to check in the server's certificate instead of the target's host. */
  readonly serverName?: string | undefined;
}

export interface ClientOptions {
  readonly tls?: ClientTls | undefined;
  /** Deadline of unary calls that name none. */
  readonly timeoutMs?: number;
  readonly maxReceiveBytes?: number;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ResponseStream<Response> extends AsyncIterable<Response> {
  cancel(): void;
}

export interface BidiStream<Request, Response> extends ResponseStream<Response> {
  /** Queues a request; false asks to slow down. */
  write(request: Request): boolean;
  /** Says that no more requests will come. */
  end(): void;
}

/** Opens (lazily) a connection to `host:port` or `unix:/path`. */
export function createClient<S extends ServiceShape>(
  definition: ServiceDefinition<S>,
  target: string,
  options: ClientOptions = {},
): GrpcClient<S> {
  return new GrpcClient(definition, target, options);
}

export class GrpcClient<S extends ServiceShape = ServiceShape> {
  readonly #definition: ServiceDefinition<S>;
  readonly #client: grpc.Client;
  readonly #timeoutMs: number;
  readonly target: string;

  constructor(definition: ServiceDefinition<S>, target: string, options: ClientOptions) {
    this.#definition = definition;
    this.target = target;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    const tls = options.tls;
    const credentials =
      tls === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
    this.#client = new grpc.Client(target, credentials, {
      'grpc.max_receive_message_length': options.maxReceiveBytes ?? -1,
      'grpc.max_send_message_length': -1,
      // Channels are pooled by target and options otherwise, and one closed client would share another's backoff.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // A unix socket is local: its "authority" is no host name, and proxies never apply.
      'grpc.enable_http_proxy': 0,
      ...(target.startsWith('unix:') ? { 'grpc.default_authority': 'localhost' } : {}),
      ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
    });
  }

  /** One request, one response. Rejects with a `GrpcError`, DEADLINE_EXCEEDED when no answer came in time. */
  unary<M extends keyof S & string>(
    method: M,
    request: S[M]['request'],
    options: CallOptions = {},
  ): Promise<S[M]['response']> {
    const definition = this.#method(method);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<object, object>(
        definition.path,
        (message) => definition.request.encode(message),
        (bytes) => definition.response.decode(bytes),
        request,
        metadataOf(options),
        { deadline: Date.now() + (options.timeoutMs ?? this.#timeoutMs) },
        (error, response) => {
          unlink();
          if (error !== null) reject(fromService(error));
          else resolve(response ?? {});
        },
      );
      const unlink = linkSignal(options.signal, () => call.cancel());
    });
  }

  /** One request, a stream of responses. */
  serverStream<M extends keyof S & string>(
    method: M,
    request: S[M]['request'],
    options: CallOptions = {},
  ): ResponseStream<S[M]['response']> {
    const definition = this.#method(method);
    const call = this.#client.makeServerStreamRequest<object, object>(
      definition.path,
      (message) => definition.request.encode(message),
      (bytes) => definition.response.decode(bytes),
      request,
      metadataOf(options),
      deadlineOf(options),
    );
    return readable(call, options.signal);
  }

  /** A stream in both directions. */
  bidi<M extends keyof S & string>(
    method: M,
    options: CallOptions = {},
  ): BidiStream<S[M]['request'], S[M]['response']> {
    const definition = this.#method(method);
    const call = this.#client.makeBidiStreamRequest<object, object>(
      definition.path,
      (message) => definition.request.encode(message),
      (bytes) => definition.response.decode(bytes),
      metadataOf(options),
      deadlineOf(options),
    );
    return {
      ...readable(call, options.signal),
      write: (request) => !call.writable || call.write(request),
      end: () => void call.end(),
    };
  }

  /** Resolves when connected; rejects with UNAVAILABLE when that takes longer than `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined) resolve();
        else
          reject(
            new GrpcError(Status.UNAVAILABLE, `cannot connect to ${this.target} within ${timeoutMs} ms`, {
              cause: error,
            }),
          );
      });
    });
  }

  close(): void {
    this.#client.close();
  }

  #method(name: string): MethodDefinition {
    const method = this.#definition.methods[name];
    if (method === undefined) throw new TypeError(`${this.#definition.name} has no method ${name}`);
    return method;
  }
}

function metadataOf(options: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

function deadlineOf(options: CallOptions): grpc.CallOptions {
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

function fromService(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const { code, details, message } = error as Partial<grpc.ServiceError>;
  return new GrpcError(code ?? Status.UNKNOWN, details ?? message ?? 'call failed', {
    cause: error,
  });
}

function linkSignal(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) queueMicrotask(cancel);
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

function readable(
  call: grpc.ClientReadableStream<object>,
  signal: AbortSignal | undefined,
): ResponseStream<object> {
  const unlink = linkSignal(signal, () => call.cancel());
  call.once('close', unlink);
  // Without a listener an error before the first read would end the process; the iterator reports it again.
  call.on('error', () => undefined);
  return {
    cancel: () => call.cancel(),
    async *[Symbol.asyncIterator]() {
      try {
        for await (const message of call) yield message as object;
      } catch (error) {
        throw fromService(error);
      } finally {
        call.cancel();
      }
    },
  };
}
