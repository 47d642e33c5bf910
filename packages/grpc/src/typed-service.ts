/**
 * Typed services: a type that maps each method's name to its messages turns a loaded service into a client with
 * one async function per method, and a table of async handlers into a server.
 *
 * Decoded messages have every scalar, list and map filled in, enumerations as names and 64-bit numbers as `number`;
 * a message that was not sent is undefined. Every unary call has a deadline.
 */
import type { CallOptions } from './caller.ts';
import { createClient } from './client.ts';
import { GrpcError, Status } from './error.ts';
import { loadService, type ServiceDefinition } from './proto.ts';
import type { GrpcServer, Handlers, ServerCall, ServerStreamCall } from './server.ts';

/** A message as it is written by hand: everything that is not set is left out. */
export type Draft<T> = T extends Buffer | string | number | boolean
  ? T
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : { readonly [K in keyof T]?: Draft<T[K]> | undefined };

export type ServiceClient<M> = {
  readonly [K in keyof M]: M[K] extends { request: infer Q; response: infer R; streams: infer S }
    ? S extends true
      ? (request: Draft<Q>, options?: CallOptions) => AsyncIterable<R>
      : (request: Draft<Q>, options?: CallOptions) => Promise<R>
    : never;
};

export interface HandlerContext {
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

export type ServiceHandlers<M> = {
  readonly [K in keyof M]: M[K] extends { request: infer Q; response: infer R; streams: infer S }
    ? S extends true
      ? (request: Q, context: HandlerContext) => AsyncIterable<Draft<R>>
      : (request: Q, context: HandlerContext) => Promise<Draft<R>>
    : never;
};

export interface TypedService<M> {
  readonly definition: ServiceDefinition;
  /** Only a type: which methods there are. */
  readonly methods?: M;
}

/** Describes service `name` of the `.proto` file at `file`, relative to the `proto` folder. */
export function defineService<M>(file: string, name: string): TypedService<M> {
  let definition: ServiceDefinition | undefined;
  return {
    get definition() {
      definition ??= loadService(file, name, { enums: 'string' });
      return definition;
    },
  };
}

const defaultTimeoutMs = 120_000;

/** Opens a client without TLS, meant for unix sockets. */
export function openService<M>(
  service: TypedService<M>,
  endpoint: string,
): { call: ServiceClient<M>; close: () => void } {
  const client = createClient(service.definition, endpoint, { timeoutMs: defaultTimeoutMs });
  const call: Record<string, unknown> = {};
  for (const method of Object.values(service.definition.methods)) {
    call[wireName(method.path)] = method.responseStream
      ? (request: object, options?: CallOptions) =>
          quietStream(client.serverStream(method.name, request, options), options)
      : (request: object, options?: CallOptions) => client.unary(method.name, request, options);
  }
  return { call: call as ServiceClient<M>, close: () => client.close() };
}

/** A stream that its own reader cancelled ends; it does not fail. */
async function* quietStream(stream: AsyncIterable<object>, options: CallOptions = {}): AsyncIterable<object> {
  try {
    yield* stream;
  } catch (error) {
    if (options.signal?.aborted !== true) throw error;
  }
}

/** Adds a service to a server. A handler that throws anything but `GrpcError` answers UNKNOWN. */
export function addService<M>(
  server: GrpcServer,
  service: TypedService<M>,
  handlers: ServiceHandlers<M>,
): void {
  const table = handlers as Record<string, (request: object, context: HandlerContext) => unknown>;
  const adapted: Record<string, unknown> = {};
  for (const method of Object.values(service.definition.methods)) {
    const handler = table[wireName(method.path)];
    if (handler === undefined) continue;
    adapted[method.name] = method.responseStream
      ? async (request: object, call: ServerStreamCall<object>) => {
          try {
            for await (const message of handler(request, call) as AsyncIterable<object>) {
              if (call.signal.aborted) return;
              if (!call.write(message)) await call.drained();
            }
          } catch (error) {
            throw grpcError(error);
          }
        }
      : async (request: object, call: ServerCall) => {
          try {
            return await (handler(request, call) as Promise<object>);
          } catch (error) {
            throw grpcError(error);
          }
        };
  }
  server.addService(
    service.definition,
    adapted as Handlers<Record<string, { request: object; response: object }>>,
  );
}

function wireName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function grpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GrpcError(Status.UNKNOWN, message, { cause: error });
}
