/**
 * The answer to a watch, or of a log, that was asked for over a WebSocket, as browsers can: an answer of 200 switches
 * protocols, and what it is written in goes out as messages. Any other answer is an ordinary one.
 *
 * Invariant: what is written at once after a 200 is one message: of a watch one event, framed as over HTTP.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { acceptMessages, handshakeProblem, type MessageWriter } from '@timonier/streaming';
import { bad } from '../pipeline/query.ts';
import type { AnswerHeaders, HttpResponse } from './exchange.ts';
import { SocketResponse } from './socket-response.ts';
import type { ChooseForm, MessageForm } from './web-socket-forms.ts';
import { subprotocolsOf } from './web-socket-request.ts';

/** About a body, which there is none of. */
const ofBodies: ReadonlySet<string> = new Set(['cache-control', 'content-type']);

export class WebSocketResponse implements HttpResponse {
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  readonly #plain: SocketResponse;
  readonly #choose: ChooseForm;
  #form: MessageForm | undefined;
  #messages: MessageWriter | undefined;
  #isEnded = false;

  /** `head` is what has come of the connection behind the request. */
  constructor(request: IncomingMessage, socket: Duplex, head: Buffer, choose: ChooseForm) {
    // Seen as the end of the exchange; as an error it would end the process.
    socket.on('error', () => undefined);
    this.#request = request;
    this.#socket = socket;
    this.#head = head;
    this.#choose = choose;
    this.#plain = new SocketResponse(socket);
  }

  get headersSent(): boolean {
    return this.#plain.headersSent || this.#messages !== undefined;
  }

  get writableEnded(): boolean {
    return this.#isEnded || this.#plain.writableEnded;
  }

  answer(status: number, headers: Record<string, string>, body: Buffer): void {
    this.#plain.answer(status, headers, body);
  }

  /** Throws 400 when there is something wrong with the handshake, and what its subprotocols are refused with. */
  writeHead(status: number, headers: AnswerHeaders = {}): number {
    if (status !== 200) return this.#plain.writeHead(status, headers);
    const problem = handshakeProblem(this.#request);
    if (problem !== undefined) throw bad(problem);
    const form = this.#choose(subprotocolsOf(this.#request.headers), String(headers['content-type']));
    const told: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers))
      if (!ofBodies.has(name)) told[name] = [value].flat().join(', ');
    this.#messages = acceptMessages(this.#request, this.#socket, this.#head, {
      protocol: form.protocol,
      headers: told,
    });
    this.#form = form;
    if (form.opening !== undefined) this.#messages?.send(form.opening, form.isText);
    return 101;
  }

  /** The answer to a handshake is out with its beginning. */
  flushHeaders(): void {}

  write(chunk: Buffer | string): boolean {
    if (this.#messages === undefined || this.#form === undefined) return this.#plain.write(chunk);
    const written = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    return this.#messages.send(this.#form.encode(written), this.#form.isText);
  }

  drained(): Promise<void> {
    return this.#messages?.drained() ?? this.#plain.drained();
  }

  end(chunk?: Buffer | string): void {
    if (this.#messages === undefined) {
      this.#plain.end(chunk);
      return;
    }
    if (this.#isEnded) return;
    if (chunk !== undefined) this.write(chunk);
    this.#isEnded = true;
    this.#messages.close();
  }

  destroy(): void {
    if (this.#messages === undefined) this.#plain.destroy();
    else this.#messages.terminate();
  }

  onClose(listener: () => void): void {
    const socket = this.#socket;
    const done = (): void => {
      socket.off('finish', done).off('close', done);
      listener();
    };
    // Nothing goes out behind the end of this side, for which a client that says goodbye may let wait its own.
    socket.once('finish', done).once('close', done);
  }
}
