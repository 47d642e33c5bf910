/** A stream as the handler of pages and JSON sees it: a request and the bytes of an answer, without messages. */
import type { WebCall, WebHandler } from '../calls.ts';
import type { MethodDefinition } from '../proto.ts';
import { fieldOf } from './head.ts';
import { httpDate } from './http-date.ts';
import type { Route, Stream } from './stream.ts';
import { webHead } from './web-head.ts';

const nothing = Buffer.alloc(0);

class WebStream implements WebCall {
  readonly secure: boolean;
  readonly #stream: Stream;

  constructor(stream: Stream, secure: boolean) {
    this.#stream = stream;
    this.secure = secure;
  }

  get signal(): AbortSignal {
    return this.#stream.signal;
  }

  get peer(): string {
    return this.#stream.peer;
  }

  get clientName(): string | undefined {
    return this.#stream.clientName;
  }

  get fields(): readonly string[] {
    return this.#stream.head.fields;
  }

  get method(): string {
    return this.metadata(':method') ?? '';
  }

  get path(): string {
    return this.metadata(':path') ?? '';
  }

  get authority(): string {
    return this.metadata(':authority') ?? this.metadata('host') ?? '';
  }

  metadata(name: string): string | undefined {
    return fieldOf(this.#stream.head.fields, name);
  }

  get complete(): boolean {
    return this.#stream.remoteClosed;
  }

  get gone(): boolean {
    return this.#stream.gone;
  }

  onGone(listener: () => void): void {
    this.#stream.onGone = listener;
  }

  get body(): AsyncIterable<Buffer> {
    return { [Symbol.asyncIterator]: () => this.#stream.body };
  }

  takeBody(): Buffer | undefined {
    const stream = this.#stream;
    return stream.remoteClosed && !stream.over ? stream.body.takeAll() : undefined;
  }

  respond(status: number, fields: Readonly<Record<string, string | readonly string[]>>): void {
    const whole = fields['date'] === undefined ? { date: httpDate(), ...fields } : fields;
    this.#stream.opening = webHead(status, whole);
  }

  flushHead(): void {
    this.#stream.sendHead();
  }

  inform(status: number): void {
    this.#stream.sendHead(webHead(status, {}));
  }

  send(bytes: Buffer): boolean {
    return this.#stream.writeBytes(bytes);
  }

  drained(): Promise<void> {
    return this.#stream.drained();
  }

  end(bytes = nothing): void {
    this.#stream.endWith(bytes);
  }

  abort(): void {
    this.#stream.cancel();
  }
}

/** Never looked at: streams of this route have no messages. */
const noMethod: MethodDefinition = {
  name: '',
  path: '',
  requestStream: true,
  responseStream: true,
  request: { encode: () => Buffer.alloc(0), decode: (bytes) => bytes },
  response: { encode: () => Buffer.alloc(0), decode: (bytes) => bytes },
};

export function webRoute(handler: WebHandler, secure: boolean): Route {
  return {
    method: noMethod,
    unary: undefined,
    serverStream: undefined,
    bidi: undefined,
    web: (stream) => handler(new WebStream(stream, secure)),
  };
}
