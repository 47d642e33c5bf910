/**
 * The client's side of HTTP/2 without gRPC, for who asks servers of pages and JSON: one connection that carries requests
 * side by side, each with an answer whose body is read as it comes.
 *
 * In: a socket on which TLS has chosen HTTP/2, and requests. Out: a head and a body for each, or an error that says whether
 * anybody can have seen it. Invariants: every request is answered or fails, once; a body that is not read holds up nothing
 * but itself, and holds at most the window of a stream; while anything is under way, a server that is gone is found out
 * within seconds.
 */
import type { TLSSocket } from 'node:tls';
import { GrpcError, Status } from './error.ts';
import type { ClientCall } from './h2/client-call.ts';
import { ClientConnection } from './h2/client-connection.ts';
import { fieldOf } from './h2/head.ts';
import { Pulse } from './h2/pulse.ts';
import { WebClientCall } from './h2/web-call.ts';
import { webRequestHead } from './h2/web-head.ts';

const beatMs = 1_000;
const mostUnanswered = 4;

export interface WebRequest {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface WebAnswer {
  readonly status: number;
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: WebAnswerBody;
}

/** To be read to its end or destroyed. */
export interface WebAnswerBody extends AsyncIterable<Buffer> {
  /** Reads nothing more. Whoever waits for bytes gets `error`, or the end without one. */
  destroy(error?: Error): void;
}

export interface WebListener {
  answered(answer: WebAnswer): void;
  /** There is no answer. `unseen`: certainly nobody looked at the request. */
  failed(error: Error, unseen: boolean): void;
}

/** Ends a request from this side: it fails, unless it was answered. */
export type CancelWebRequest = (why: string) => void;

export class WebClientConnection {
  readonly #socket: TLSSocket;
  readonly #connection: ClientConnection;
  readonly #pulse = new Pulse(mostUnanswered);
  #beats: NodeJS.Timeout | undefined;
  #isRetired = false;

  /** `retired`: it takes no more requests, because it is gone or the server asked to go elsewhere. Those on it go on. */
  constructor(socket: TLSSocket, retired: () => void) {
    this.#socket = socket;
    this.#connection = new ClientConnection(socket, {
      retired: () => {
        this.#isRetired = true;
        retired();
      },
      unserved: (call) => turnAway(call),
      busy: (busy) => this.#watch(busy),
    });
    let problem = 'the connection ended without an answer';
    socket.on('error', (error) => (problem = error.message));
    socket.on('data', (chunk: Buffer) => {
      this.#pulse.heard();
      this.#connection.feed(chunk);
    });
    socket.on('drain', () => this.#connection.drained());
    socket.once('close', () => this.#connection.closed(problem));
  }

  /** Throws a TypeError, having sent nothing, when no header can carry what the request says. */
  request({ method, authority, path, headers, body }: WebRequest, listener: WebListener): CancelWebRequest {
    const head = webRequestHead(method, authority, path, headers);
    const call: WebClientCall = new WebClientCall(
      { head, message: body },
      {
        answered: ({ httpStatus, fields }) =>
          listener.answered({
            status: Number(httpStatus),
            header: (name) => fieldOf(fields, name),
            body: call.body,
          }),
        failed: (error, unseen) => listener.failed(error, unseen),
      },
    );
    if (this.#isRetired) turnAway(call);
    else this.#connection.start(call);
    return (why) => call.cancel(why);
  }

  /** Ends the connection with all that is under way on it. */
  destroy(why: string): void {
    this.#connection.closed(why);
    this.#socket.destroy();
  }

  /** Asks on while anything is open; an idle connection costs nothing. */
  #watch(busy: boolean): void {
    clearInterval(this.#beats);
    this.#beats = undefined;
    if (!busy) return;
    this.#pulse.heard();
    this.#beats = setInterval(() => {
      if (this.#pulse.beat() === 'ask') this.#connection.ping();
      else this.destroy(`${mostUnanswered} pings were not answered`);
    }, beatMs);
  }
}

function turnAway(call: ClientCall): void {
  const error = new GrpcError(Status.UNAVAILABLE, 'the server did not look at the request');
  if (call instanceof WebClientCall) call.turnedAway(error);
  else call.finish(error);
}
