/** The calls of a client on @grpc/grpc-js. Like every `Caller`, it fails with `GrpcError`s only. */
import grpc from '@grpc/grpc-js';
import type { Caller, CallOptions, ClientOptions, ResponseStream, BidiStream } from './caller.ts';
import { GrpcError, Status } from './error.ts';
import { linkSignal } from './link-signal.ts';
import type { MethodDefinition } from './proto.ts';

export class GrpcJsCaller implements Caller {
  readonly #client: grpc.Client;
  readonly #target: string;

  constructor(target: string, options: ClientOptions) {
    this.#target = target;
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
      ...(options.keepalive === undefined
        ? {}
        : {
            'grpc.keepalive_time_ms': options.keepalive.everyMs,
            'grpc.keepalive_timeout_ms': options.keepalive.everyMs,
          }),
      ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
    });
  }

  unary(method: MethodDefinition, request: object, options: CallOptions, timeoutMs: number): Promise<object> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<object, object>(
        method.path,
        (message) => method.request.encode(message),
        (bytes) => method.response.decode(bytes),
        request,
        metadataOf(options),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          unlink();
          if (error !== null) reject(fromService(error));
          else resolve(response ?? {});
        },
      );
      const unlink = linkSignal(options.signal, () => call.cancel());
    });
  }

  serverStream(method: MethodDefinition, request: object, options: CallOptions): ResponseStream<object> {
    const call = this.#client.makeServerStreamRequest<object, object>(
      method.path,
      (message) => method.request.encode(message),
      (bytes) => method.response.decode(bytes),
      request,
      metadataOf(options),
      deadlineOf(options),
    );
    return readable(call, options.signal);
  }

  bidi(method: MethodDefinition, options: CallOptions): BidiStream<object, object> {
    const call = this.#client.makeBidiStreamRequest<object, object>(
      method.path,
      (message) => method.request.encode(message),
      (bytes) => method.response.decode(bytes),
      metadataOf(options),
      deadlineOf(options),
    );
    return {
      ...readable(call, options.signal),
      write: (request) => !call.writable || call.write(request),
      end: () => void call.end(),
    };
  }

  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined) resolve();
        else
          reject(
            new GrpcError(Status.UNAVAILABLE, `cannot connect to ${this.#target} within ${timeoutMs} ms`, {
              cause: error,
            }),
          );
      });
    });
  }

  close(): void {
    this.#client.close();
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
