/**
 * A gRPC client for one service at one target: unary calls as promises with a deadline, streams as async iterables.
 *
 * Failures are `GrpcError`s. Streams have no deadline of their own; cancel them or abort their signal. Breaking
 * out of a `for await` over a stream cancels it.
 */
import type { BidiStream, Caller, CallOptions, ClientOptions, ResponseStream } from './caller.ts';
import { GrpcJsCaller } from './client-grpc-js.ts';
import { LeanCaller } from './client-lean.ts';
import type { MethodDefinition, ServiceDefinition, ServiceShape } from './proto.ts';

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
