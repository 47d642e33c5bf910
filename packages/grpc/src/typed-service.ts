/**
 * Typed gRPC services over `@grpc/grpc-js` for calls where comfort matters more than microseconds (CRI and private
 * seams on unix sockets). A service is described by a type that maps each method's name to its messages; this module
 * turns the `.proto` file of the same service into a client with one async function per method, and a table of
 * async handlers into a server.
 *
 * Decoded messages have every scalar, list and map filled in, enumerations as names, and no property for a message
 * that was not sent. Every client call has a deadline, streams excepted.
 */
import {
  type Client,
  credentials,
  makeGenericClientConstructor,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadProto } from './typed-proto.ts';

export interface MethodShape {
  readonly request: unknown;
  readonly response: unknown;
  /** Whether the server answers with a stream. */
  readonly streams: boolean;
}

/** A message as it is written by hand: everything that is not set is left out. */
export type Draft<T> = T extends Buffer | string | number | boolean
  ? T
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : { readonly [K in keyof T]?: Draft<T[K]> | undefined };

export interface CallOptions {
  /** Deadline of a unary call, milliseconds from now; 120 s when not given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

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

/** A failed call: a gRPC code (`status` of grpc-js) and a message that says what was wrong with which value. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;

  constructor(code: status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface TypedService<M> {
  /** The definition in grpc-js's form, for servers and clients that are built by hand. */
  readonly definition: ServiceDefinition;
  /** Only a type: which methods there are. */
  readonly methods?: M;
}

/** Describes the service `name` of the `.proto` file at `file`, relative to the project's `proto` folder. */
export function defineService<M>(file: string, name: string): TypedService<M> {
  let definition: ServiceDefinition | undefined;
  return {
    get definition() {
      definition ??= loadProto(file, name);
      return definition;
    },
  };
}

const defaultTimeoutMs = 120_000;
const maxMessageBytes = 16 * 1024 * 1024;

/** Opens a client of a service without TLS, meant for unix sockets. */
export function openService<M>(
  service: TypedService<M>,
  endpoint: string,
): { call: ServiceClient<M>; close: () => void } {
  const Constructor = makeGenericClientConstructor(service.definition, 'Service');
  const client = new Constructor(endpoint, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.use_local_subchannel_pool': 1,
  });
  const call: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.definition)) {
    call[name] = method.responseStream
      ? (request: unknown, options: CallOptions = {}) => stream(client, method, request, options)
      : (request: unknown, options: CallOptions = {}) => unary(client, method, request, options);
  }
  return { call: call as ServiceClient<M>, close: () => client.close() };
}

type Method = ServiceDefinition[string];

function unary(client: Client, method: Method, request: unknown, options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + (options.timeoutMs ?? defaultTimeoutMs);
    const started = client.makeUnaryRequest<unknown, unknown>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline },
      (error, response) => {
        options.signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response);
        else reject(rpcError(error));
      },
    );
    const cancel = (): void => started.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    if (options.signal?.aborted === true) cancel();
  });
}

async function* stream(
  client: Client,
  method: Method,
  request: unknown,
  options: CallOptions,
): AsyncIterable<unknown> {
  const started = client.makeServerStreamRequest<unknown, unknown>(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs },
  );
  const cancel = (): void => started.cancel();
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted === true) cancel();
  try {
    for await (const message of started) yield message;
  } catch (error) {
    if (options.signal?.aborted !== true) throw rpcError(error as ServiceError);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

function rpcError(error: ServiceError): RpcError {
  const text = error.details === '' || error.details === undefined ? error.message : error.details;
  return new RpcError(error.code ?? status.UNKNOWN, text, { cause: error });
}

/** Adds a service to a grpc-js server. A handler that throws anything but `RpcError` answers UNKNOWN. */
export function addService<M>(server: Server, service: TypedService<M>, handlers: ServiceHandlers<M>): void {
  const table = handlers as Record<string, (request: unknown, context: HandlerContext) => unknown>;
  const implementation: Record<string, (...args: never[]) => void> = {};
  for (const [name, method] of Object.entries(service.definition)) {
    const handler = table[name];
    if (handler === undefined) throw new Error(`no handler for ${method.path}`);
    implementation[name] = method.responseStream
      ? (call: ServerWritableStream<unknown, unknown>) =>
          void answerStream(call, (context) => handler(call.request, context) as AsyncIterable<unknown>)
      : (call: ServerUnaryCall<unknown, unknown>, callback: (error: unknown, value?: unknown) => void) =>
          void answerUnary(call, callback, (context) => handler(call.request, context) as Promise<unknown>);
  }
  server.addService(service.definition, implementation as never);
}

async function answerUnary(
  call: ServerUnaryCall<unknown, unknown>,
  callback: (error: unknown, value?: unknown) => void,
  handle: (context: HandlerContext) => Promise<unknown>,
): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  try {
    callback(null, await handle({ signal: gone.signal }));
  } catch (error) {
    callback(serviceError(error));
  }
}

async function answerStream(
  call: ServerWritableStream<unknown, unknown>,
  handle: (context: HandlerContext) => AsyncIterable<unknown>,
): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort());
  call.on('error', () => gone.abort());
  try {
    for await (const message of handle({ signal: gone.signal })) {
      if (gone.signal.aborted) return;
      if (!call.write(message)) {
        await new Promise<void>((resolve) => {
          call.once('drain', resolve);
          gone.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    }
    call.end();
  } catch (error) {
    call.destroy(Object.assign(new Error(), serviceError(error)));
  }
}

function serviceError(error: unknown): { code: status; message: string; details: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof RpcError ? error.code : status.UNKNOWN, message, details: message };
}
