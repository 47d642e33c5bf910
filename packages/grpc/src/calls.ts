/** What handlers of a gRPC server are given and what they give back, whichever implementation carries them. */
import type { MethodDefinition, ServiceShape } from './proto.ts';

/** What a handler may know and do about its call. */
export interface ServerCall {
  /** Aborted when the client cancelled, its connection broke or the deadline passed. */
  readonly signal: AbortSignal;
  readonly peer: string;
  /** Common name of the client's certificate; undefined when there is none that an authority of ours signed. */
  readonly clientName: string | undefined;
  /** First value of a request header. */
  metadata(name: string): string | undefined;
}

export interface ServerStreamCall<Response> extends ServerCall {
  /**
   * Queues a message; false asks to wait for `drained` before more. One that goes to many streams may be frozen: then
   * it is encoded once.
   */
  write(message: Response): boolean;
  /** Resolves when the queue has room again or the call has ended. */
  drained(): Promise<void>;
  /**
   * Sends the bytes of a message, and resolves when their memory may be used for something else: the kernel has them, or
   * the call has ended. Whoever sends much so makes no garbage. Absent where messages are something else than bytes.
   */
  writeLent?(message: Buffer): Promise<void>;
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

/** A request over HTTP/2 that is no gRPC: a page, or JSON. */
export interface WebCall extends ServerCall {
  /**
   * Its header fields, names in lower case and values in turn, those of HTTP/2 itself (`:path`) first. Not to be changed:
   * requests whose heads came as the same bytes share one array.
   */
  readonly fields: readonly string[];
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The host that the client means. */
  readonly authority: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** All of the request has come. */
  readonly complete: boolean;
  /** Nothing is sent or received any more: the answer has been sent whole, or the client has gone. */
  readonly gone: boolean;
  /** Calls back once `gone` is true; at most one is told. */
  onGone(listener: () => void): void;
  /** Ends without an error, too, when the client breaks off, which `gone` tells then. */
  readonly body: AsyncIterable<Buffer>;
  /** The whole body, or undefined while it has not all come. Instead of `body`. */
  takeBody(): Buffer | undefined;
  /**
   * Gives the answer its status and fields, of which names are written in lower case, and the date unless there is one;
   * once, and before its bytes. A field of several values is there once for each. Throws a TypeError for what no header can carry.
   */
  respond(status: number, fields: Readonly<Record<string, string | readonly string[]>>): void;
  /** Sends what `respond` was given, before any bytes. */
  flushHead(): void;
  /** A head of status 1xx before the answer's own. */
  inform(status: number): void;
  /** Queues bytes of the answer; false asks to wait for `drained` before more. */
  send(bytes: Buffer): boolean;
  drained(): Promise<void>;
  /** The end of the answer, behind these bytes if there are any. What a client still sends is not taken then. */
  end(bytes?: Buffer): void;
  /** Ends the call without an end of its answer. */
  abort(): void;
}

/** The answer ends when it resolves, if it has not ended before. */
export type WebHandler = (call: WebCall) => Promise<void>;

export interface ServerTls {
  /** PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** PEM of the authorities that may sign client certificates. */
  readonly clientCa?: Buffer | undefined;
  /** Refuse clients without a certificate. */
  readonly requireClientCertificate?: boolean;
  /** PEM of client certificates that were revoked. */
  readonly crl?: Buffer | undefined;
  /** OpenSSL's names of the TLS 1.2 suites, colons between them. */
  readonly ciphers?: string | undefined;
  /** TLS 1.2 without it. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** What moves calls between sockets and handlers. */
export interface ServerImplementation {
  /** Handlers are functions in the form their method's kind asks for. */
  add(serviceMethods: readonly (readonly [MethodDefinition, unknown])[]): void;
  /** Returns the port, 0 for a unix socket. Rejects with the system's error. */
  bind(address: string, tls: ServerTls | undefined): Promise<number>;
  shutdown(graceMs: number): Promise<void>;
}
