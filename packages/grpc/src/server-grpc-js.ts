/** Carries services on @grpc/grpc-js: the fallback, and the peer that the lean server is measured against. */
import grpc from '@grpc/grpc-js';
import type {
  BidiCall,
  BidiHandler,
  ServerCall,
  ServerImplementation,
  ServerStreamHandler,
  ServerTls,
  UnaryHandler,
} from './calls.ts';
import { GrpcError, Status } from './error.ts';
import type { MethodDefinition } from './proto.ts';

// What fails is thrown to the caller, who says it once; the library would print it a second time.
if (process.env['GRPC_VERBOSITY'] === undefined) grpc.setLogVerbosity(grpc.logVerbosity.NONE);

export class GrpcJsServer implements ServerImplementation {
  readonly #server: grpc.Server;

  constructor(options: { maxReceiveBytes: number; maxConcurrentStreams: number | undefined }) {
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': options.maxReceiveBytes,
      'grpc.max_send_message_length': -1,
      ...(options.maxConcurrentStreams === undefined
        ? {}
        : { 'grpc.max_concurrent_streams': options.maxConcurrentStreams }),
    });
  }

  add(methods: readonly (readonly [MethodDefinition, unknown])[]): void {
    const wire: Record<string, grpc.MethodDefinition<object, object>> = {};
    const implementation: grpc.UntypedServiceImplementation = {};
    for (const [method, handler] of methods) {
      wire[method.name] = wireDefinition(method);
      implementation[method.name] = adapt(method, handler);
    }
    this.#server.addService(wire, implementation);
  }

  bind(address: string, tls: ServerTls | undefined): Promise<number> {
    const credentials =
      tls === undefined
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(
            tls.clientCa ?? null,
            [{ cert_chain: tls.cert, private_key: tls.key }],
            tls.requireClientCertificate === true,
          );
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  shutdown(graceMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
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
  getAuthContext(): { sslPeerCertificate?: { subject?: { CN?: string | string[] } } };
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

  get clientName(): string | undefined {
    const name = this.#call.getAuthContext().sslPeerCertificate?.subject?.CN;
    return typeof name === 'string' ? name : name?.[0];
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
