/**
 * A gRPC client for one service at one target: unary calls as promises with a deadline, streams as async iterables.
 *
 * Failures are `GrpcError`s. Streams have no deadline of their own; cancel them or abort their signal. Breaking
 * out of a `for await` over a stream cancels it.
 */
import { GrpcJsCaller } from './client-grpc-js.ts';
import { LeanCaller } from './client-lean.ts';
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
  /** Default: lean, or what the environment variable TIMONIER_GRPC says. */
  readonly implementation?: ClientKind;
}

/** `lean`: HTTP/2 of our own, see h2/. `grpc-js`: the library. */
export type ClientKind = 'lean' | 'grpc-js';

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

/** Carries calls of any method to one server; see `GrpcClient` for what each does. */
export interface Caller {
  unary(method: MethodDefinition, request: object, options: CallOptions, timeoutMs: number): Promise<object>;
  serverStream(method: MethodDefinition, request: object, options: CallOptions): ResponseStream<object>;
  bidi(method: MethodDefinition, options: CallOptions): BidiStream<object, object>;
  ready(timeoutMs: number): Promise<void>;
  close(): void;
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
  readonly #caller: Caller;
  readonly #timeoutMs: number;
  readonly target: string;

  constructor(definition: ServiceDefinition<S>, target: string, options: ClientOptions) {
    this.#definition = definition;
    this.target = target;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    const kind = options.implementation ?? (process.env['TIMONIER_GRPC'] === 'grpc-js' ? 'grpc-js' : 'lean');
    this.#caller = kind === 'lean' ? new LeanCaller(target, options) : new GrpcJsCaller(target, options);
  }

  /** One request, one response. Rejects with a `GrpcError`, DEADLINE_EXCEEDED when no answer came in time. */
  unary<M extends keyof S & string>(
    method: M,
    request: S[M]['request'],
    options: CallOptions = {},
  ): Promise<S[M]['response']> {
    return this.#caller.unary(this.#method(method), request, options, options.timeoutMs ?? this.#timeoutMs);
  }

  /** One request, a stream of responses. */
  serverStream<M extends keyof S & string>(
    method: M,
    request: S[M]['request'],
    options: CallOptions = {},
  ): ResponseStream<S[M]['response']> {
    return this.#caller.serverStream(this.#method(method), request, options);
  }

  /** A stream in both directions. */
  bidi<M extends keyof S & string>(
    method: M,
    options: CallOptions = {},
  ): BidiStream<S[M]['request'], S[M]['response']> {
    return this.#caller.bidi(this.#method(method), options);
  }

  /** Resolves when connected; rejects with UNAVAILABLE when that takes longer than `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return this.#caller.ready(timeoutMs);
  }

  /** Ends the connection and every call on it. */
  close(): void {
    this.#caller.close();
  }

  #method(name: string): MethodDefinition {
    const method = this.#definition.methods[name];
    if (method === undefined) throw new TypeError(`${this.#definition.name} has no method ${name}`);
    return method;
  }
}
