/** A stream as the handler of pages and JSON sees it: a request and the bytes of an answer, without messages. */
import type { WebCall, WebHandler } from '../calls.ts';
import type { MethodDefinition } from '../proto.ts';
import { fieldOf } from './head.ts';
import { webHead } from './hpack-encoder.ts';
import type { Route, Stream } from './stream.ts';

const drainMs = 1_000;

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

  get body(): AsyncIterable<Buffer> {
    // A stream of a web route gives bytes where others give messages.
    return this.#stream.requests as AsyncIterable<Buffer>;
  }

  respond(status: number, fields: Readonly<Record<string, string>>): void {
    this.#stream.opening = webHead(status, fields);
  }

  send(bytes: Buffer): boolean {
    return this.#stream.writeBytes(bytes);
  }

  drained(): Promise<void> {
    return this.#stream.drained();
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
    web: async (stream) => {
      await handler(new WebStream(stream, secure));
      if (!stream.remoteClosed) await drain(stream);
    },
  };
}

/**
 * Takes what is left of a body that nobody wanted, for a moment: a stream that is ended while its client still sends has
 * to be reset, and some clients then drop an answer that they have not read yet.
 */
async function drain(stream: Stream): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, drainMs, undefined);
  const rest = stream.requests[Symbol.asyncIterator]();
  try {
    while ((await Promise.race([rest.next(), late]))?.done === false);
  } finally {
    clearTimeout(timer);
  }
}
