/** The calls of a client on HTTP/2 of our own (h2/). */
import type { BidiStream, Caller, CallOptions, ClientOptions, ResponseStream } from './caller.ts';
import { GrpcError, Status } from './error.ts';
import type { ClientCall } from './h2/client-call.ts';
import { ClientChannel } from './h2/client-channel.ts';
import { StreamClientCall, UnaryClientCall } from './h2/grpc-call.ts';
import { RequestHeads } from './h2/request-head.ts';
import { linkSignal } from './link-signal.ts';
import type { MethodDefinition } from './proto.ts';

export class LeanCaller implements Caller {
  readonly #target: string;
  readonly #channel: ClientChannel;
  readonly #heads: RequestHeads;
  readonly #maxReceiveBytes: number;

  constructor(target: string, { tls, maxReceiveBytes = 0xffff_ffff, keepalive }: ClientOptions) {
    this.#target = target;
    this.#channel = new ClientChannel(target, tls, keepalive);
    // A unix socket's path is no host name.
    this.#heads = new RequestHeads(target.startsWith('unix:') ? 'localhost' : target, tls !== undefined);
    this.#maxReceiveBytes = maxReceiveBytes;
  }

  unary(method: MethodDefinition, request: object, options: CallOptions, timeoutMs: number): Promise<object> {
    return new Promise((resolve, reject) => {
      const message = method.request.encode(request);
      const call = new UnaryClientCall(this.#request(method, options, timeoutMs, message), (error, bytes) => {
        forget();
        if (error !== undefined || bytes === undefined) {
          reject(error ?? new GrpcError(Status.INTERNAL, 'the call ended without an answer'));
          return;
        }
        try {
          resolve(method.response.decode(bytes));
        } catch (problem) {
          reject(undecodable(problem));
        }
      });
      const forget = this.#bounded(call, options.signal, timeoutMs);
      this.#channel.start(call);
    });
  }

  serverStream(method: MethodDefinition, request: object, options: CallOptions): ResponseStream<object> {
    return this.#stream(method, options, method.request.encode(request)).responses;
  }

  bidi(method: MethodDefinition, options: CallOptions): BidiStream<object, object> {
    const { call, responses } = this.#stream(method, options, undefined);
    return {
      ...responses,
      write: (request) => call.write(method.request.encode(request)),
      end: () => call.halfClose(),
    };
  }

  #stream(
    method: MethodDefinition,
    options: CallOptions,
    message: Buffer | undefined,
  ): { call: StreamClientCall; responses: ResponseStream<object> } {
    const call = new StreamClientCall(this.#request(method, options, options.timeoutMs, message), () =>
      forget(),
    );
    const forget = this.#bounded(call, options.signal, options.timeoutMs);
    this.#channel.start(call);
    const cancel = (): void => this.#channel.cancel(call, cancelled());
    return { call, responses: { cancel, [Symbol.asyncIterator]: () => read(call, method, cancel) } };
  }

  #request(
    method: MethodDefinition,
    { metadata }: CallOptions,
    timeoutMs: number | undefined,
    message: Buffer | undefined,
  ): { head: Buffer; message: Buffer | undefined; maxReceiveBytes: number } {
    const head = this.#heads.block(method.path, timeoutMs, metadata);
    return { head, message, maxReceiveBytes: this.#maxReceiveBytes };
  }

  /** Ends the call at its deadline or by its signal. What is returned takes both back. */
  #bounded(call: ClientCall, signal: AbortSignal | undefined, timeoutMs: number | undefined): () => void {
    const unlink = linkSignal(signal, () => this.#channel.cancel(call, cancelled()));
    if (timeoutMs === undefined) return unlink;
    const expire = (): void =>
      this.#channel.cancel(
        call,
        new GrpcError(
          Status.DEADLINE_EXCEEDED,
          call.id === 0
            ? `Deadline exceeded after ${timeoutMs} ms: No connection established`
            : `Deadline exceeded after ${timeoutMs} ms`,
        ),
      );
    let last: NodeJS.Immediate | undefined;
    // A busy process hears of the time before it reads what has come meanwhile: an answer that is there counts.
    const timer = setTimeout(() => {
      last = setImmediate(expire);
    }, timeoutMs);
    return () => {
      clearTimeout(timer);
      clearImmediate(last);
      unlink();
    };
  }

  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new GrpcError(Status.UNAVAILABLE, `cannot connect to ${this.#target} within ${timeoutMs} ms`),
          ),
        timeoutMs,
      );
      this.#channel
        .ready()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  close(): void {
    this.#channel.close();
  }
}

async function* read(
  call: StreamClientCall,
  method: MethodDefinition,
  cancel: () => void,
): AsyncGenerator<object, void> {
  try {
    for (;;) {
      const { done, value } = await call.next();
      if (done === true) return;
      let message: object;
      try {
        message = method.response.decode(value);
      } catch (problem) {
        throw undecodable(problem);
      }
      yield message;
    }
  } finally {
    cancel();
    call.abandon();
  }
}

function cancelled(): GrpcError {
  return new GrpcError(Status.CANCELLED, 'Cancelled on client');
}

function undecodable(problem: unknown): GrpcError {
  const text = problem instanceof Error ? problem.message : String(problem);
  return new GrpcError(Status.INTERNAL, `the answer cannot be decoded: ${text}`, { cause: problem });
}
