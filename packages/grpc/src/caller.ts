/** What carries the calls of a client to one server, whichever implementation does, and what it is told. */
import type { KeepaliveOptions } from './h2/keepalive.ts';
import type { MethodDefinition } from './proto.ts';

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
  /** Default: a server that falls silent is found out by deadlines alone, and by a stream without one never. */
  readonly keepalive?: KeepaliveOptions | undefined;
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
