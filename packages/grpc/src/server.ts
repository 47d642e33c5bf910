/**
 * A gRPC server: services with promise-returning handlers on a TCP port or a unix socket.
 *
 * A handler's `GrpcError` becomes the call's status; any other error becomes INTERNAL with its message. Handlers
 * of streams own their call until they resolve; a call that the client ended has its `signal` aborted.
 */
import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import grpc from '@grpc/grpc-js';
import { GrpcError, Status } from './error.ts';
import type { MethodDefinition, ServiceDefinition, ServiceShape } from './proto.ts';

// What fails is thrown to the caller, who says it once; the library would print it a second time.
if (process.env['GRPC_VERBOSITY'] === undefined) grpc.setLogVerbosity(grpc.logVerbosity.NONE);

/** What a handler may know and do about its call. */
export interface ServerCall {
  /** Aborted when the client cancelled, its connection broke or the deadline passed. */
  readonly signal: AbortSignal;
  readonly peer: string;
  /** First value of a request header. */
  metadata(name: string): string | undefined;
}

export interface ServerStreamCall<Response> extends ServerCall {
  /** Queues a message; false asks to wait for `drained` before more. */
  write(message: Response): boolean;
  /** Resolves when the queue has room again or the call has ended. */
  drained(): Promise<void>;
}

export interface BidiCall<Request, Response> extends ServerStreamCall<Response> {
  /** The client's messages; ends when the client half-closes or the call ends. */
  readonly requests: AsyncIterable<Request>;
}

export type UnaryHandler<Request, Response> = (
  request: Request,
  call: ServerCall,
) => Response | Promise<Response>;
export type ServerStreamHandler<Request, Response> = (
  request: Request,
  call: ServerStreamCall<Response>,
) => Promise<void>;
export type BidiHandler<Request, Response> = (call: BidiCall<Request, Response>) => Promise<void>;

/** Handlers by method name; a method left out answers UNIMPLEMENTED. The shape's `kind` chooses the form. */
export type Handlers<S extends ServiceShape> = {
  readonly [M in keyof S]?: S[M] extends { readonly kind: 'bidi' }
    ? BidiHandler<S[M]['request'], S[M]['response']>
    : S[M] extends { readonly kind: 'server-stream' }
      ? ServerStreamHandler<S[M]['request'], S[M]['response']>
      : UnaryHandler<S[M]['request'], S[M]['response']>;
};

export interface ServerTls {
  /** PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** PEM of the authorities that may sign client certificates. */
  readonly clientCa?: Buffer | undefined;
  /** Refuse clients without a certificate. */
  readonly requireClientCertificate?: boolean;
}

export interface GrpcServerOptions {
  readonly maxReceiveBytes?: number;
  readonly maxConcurrentStreams?: number;
}

export class GrpcServer {
  readonly #server: grpc.Server;
  readonly #sockets: string[] = [];

  constructor(options: GrpcServerOptions = {}) {
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': options.maxReceiveBytes ?? 4 * 1024 * 1024,
      'grpc.max_send_message_length': -1,
      ...(options.maxConcurrentStreams === undefined
        ? {}
        : { 'grpc.max_concurrent_streams': options.maxConcurrentStreams }),
    });
  }

  addService<S extends ServiceShape>(definition: ServiceDefinition<S>, handlers: Handlers<S>): void {
    const wire: Record<string, grpc.MethodDefinition<object, object>> = {};
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const method of Object.values(definition.methods)) {
      const handler = (handlers as Record<string, unknown>)[method.name];
      if (handler === undefined) continue;
      wire[method.name] = wireDefinition(method);
      implementation[method.name] = adapt(method, handler);
    }
    this.#server.addService(wire, implementation);
  }

  /**
   * Listens on `unix:/path` (mode 0600; a socket left by a dead process is replaced) or `host:port`, port 0 asking
   * the kernel for one. Returns the port. Rejects with one sentence when the address cannot be had.
   */
  async listen(address: string, tls?: ServerTls): Promise<number> {
    if (address.startsWith('unix:')) {
      const path = address.slice('unix:'.length);
      await clearStaleSocket(path);
      const port = await this.#bind(address, grpc.ServerCredentials.createInsecure());
      chmodSync(path, 0o600);
      this.#sockets.push(path);
      return port;
    }
    const credentials =
      tls === undefined
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(
            tls.clientCa ?? null,
            [{ cert_chain: tls.cert, private_key: tls.key }],
            tls.requireClientCertificate === true,
          );
    return await this.#bind(address, credentials);
  }

  #bind(address: string, credentials: grpc.ServerCredentials): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error === null) resolve(port);
        else {
          const why = error.message.includes('EADDRINUSE')
            ? 'another process listens there already'
            : error.message;
          reject(new Error(`cannot listen on ${address}: ${why}`, { cause: error }));
        }
      });
    });
  }

  /** Stops taking calls, gives running ones up to `graceMs`, then ends them. */
  async shutdown(graceMs = 1_000): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    for (const path of this.#sockets) rmSync(path, { force: true });
  }
}

async function clearStaleSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (alive) throw new Error(`cannot listen on unix:${path}: another process listens there already`);
  rmSync(path, { force: true });
}

function wireDefinition(method: MethodDefinition): grpc.MethodDefinition<object, object> {
  return {
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (message) => method.request.encode(message),
    requestDeserialize: (bytes) => method.request.decode(bytes),
    responseSerialize: (message) => method.response.encode(message),
    responseDeserialize: (bytes) => method.response.decode(bytes),
  };
}

function statusOf(error: unknown): { code: number; details: string } {
  if (error instanceof GrpcError) return { code: error.code, details: error.details };
  return { code: Status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}

interface SurfaceCall {
  readonly cancelled: boolean;
  readonly metadata: grpc.Metadata;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

class Call implements ServerCall {
  readonly #call: SurfaceCall;
  #controller: AbortController | undefined;

  constructor(call: SurfaceCall) {
    this.#call = call;
  }

  // Made on demand: an AbortController for each unary call would cost more than most calls do.
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#call.cancelled) controller.abort();
      else this.#call.on('cancelled', () => controller.abort());
    }
    return this.#controller.signal;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  metadata(name: string): string | undefined {
    const value = this.#call.metadata.get(name)[0];
    return value === undefined ? undefined : value.toString();
  }
}

class StreamCall extends Call implements BidiCall<object, object> {
  readonly requests: AsyncIterable<object>;
  readonly #stream: grpc.ServerDuplexStream<object, object>;

  constructor(stream: grpc.ServerDuplexStream<object, object>, requestStream: boolean) {
    super(stream);
    this.#stream = stream;
    // A handler that stops reading still answers with a status: leaving its loop must not destroy the stream.
    this.requests = requestStream
      ? { [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }) }
      : emptyIterable;
    // An error event without a listener would end the process; the abort signal reports the same.
    stream.on('error', () => undefined);
  }

  write(message: object): boolean {
    if (this.signal.aborted) return true;
    return this.#stream.write(message);
  }

  drained(): Promise<void> {
    const stream = this.#stream;
    if (this.signal.aborted || !stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      stream.once('drain', done);
      this.signal.addEventListener('abort', done);
    });
  }
}

const emptyIterable: AsyncIterable<object> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

function adapt(method: MethodDefinition, handler: unknown): grpc.UntypedHandleCall {
  if (!method.requestStream && !method.responseStream) {
    const unary = handler as UnaryHandler<object, object>;
    const handle: grpc.handleUnaryCall<object, object> = (call, callback) => {
      void answerUnary(unary, call, callback);
    };
    return handle;
  }
  if (method.responseStream) {
    const handle = (stream: grpc.ServerDuplexStream<object, object> & { request?: object }): void => {
      const call = new StreamCall(stream, method.requestStream);
      const running = method.requestStream
        ? (handler as BidiHandler<object, object>)(call)
        : (handler as ServerStreamHandler<object, object>)(stream.request ?? {}, call);
      running.then(
        () => stream.end(),
        (error: unknown) => {
          if (!call.signal.aborted) stream.emit('error', statusOf(error));
        },
      );
    };
    return handle as grpc.UntypedHandleCall;
  }
  throw new TypeError(`${method.path}: client-streaming methods are not supported`);
}

async function answerUnary(
  handler: UnaryHandler<object, object>,
  call: grpc.ServerUnaryCall<object, object>,
  callback: grpc.sendUnaryData<object>,
): Promise<void> {
  let response: object;
  try {
    response = await handler(call.request, new Call(call));
  } catch (error) {
    callback(statusOf(error));
    return;
  }
  callback(null, response);
}
