/**
 * A call that came as JSON over HTTP/1, in the form that handlers of gRPC methods take.
 *
 * Messages of a stream go out as one line each, `{"result":…}`, and are read one JSON value after the other from the
 * request's body. The call ends with its connection, or when the client has taken nothing for too long.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { type BidiCall, GrpcError, type JsonMethod, type MethodDefinition, Status } from '@timonier/grpc';
import { JsonSplitter } from './json-splitter.ts';

export interface GatewayMethod {
  readonly definition: MethodDefinition;
  readonly json: JsonMethod;
  /** In the form its kind asks for. */
  readonly handler: unknown;
}

export class GatewayCall implements BidiCall<object, object> {
  readonly peer: string;
  /** The gateway speaks for nobody: a certificate's name counts on gRPC only, as in etcd. */
  readonly clientName = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #method: GatewayMethod;
  readonly #maxLength: number;
  readonly #controller = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse, method: GatewayMethod, maxLength: number) {
    this.#request = request;
    this.#response = response;
    this.#method = method;
    this.#maxLength = maxLength;
    const { remoteAddress, remotePort } = request.socket;
    this.peer = `${remoteAddress ?? ''}:${remotePort ?? 0}`;
    response.once('close', () => this.#controller.abort());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  metadata(name: string): string | undefined {
    const header = this.#request.headers[name] ?? this.#request.headers[`grpc-metadata-${name}`];
    return Array.isArray(header) ? header[0] : header;
  }

  /** A message from parsed JSON, with every default filled in as gRPC would. */
  message(value: unknown): object {
    const { definition, json } = this.#method;
    return definition.request.decode(definition.request.encode(json.request.read(value)));
  }

  write(message: object): boolean {
    const response = this.#response;
    if (this.signal.aborted) return true;
    if (!response.headersSent)
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Grpc-Metadata-Content-Type': 'application/grpc',
      });
    return response.write(`{"result":${this.#method.json.response.write(message)}}\n`);
  }

  drained(): Promise<void> {
    const response = this.#response;
    if (!response.writableNeedDrain || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  get requests(): AsyncIterable<object> {
    return this.#messages();
  }

  async *#messages(): AsyncGenerator<object> {
    for await (const text of this.texts()) yield this.message(parseJson(text));
  }

  /** The JSON values of the body as they come. */
  async *texts(): AsyncGenerator<string> {
    const splitter = new JsonSplitter(this.#maxLength);
    const decoder = new StringDecoder('utf8');
    try {
      // Whoever stops reading still answers, on this connection.
      const chunks: AsyncIterable<Buffer> = this.#request.iterator({ destroyOnReturn: false });
      for await (const chunk of chunks) yield* splitter.push(decoder.write(chunk));
    } catch (error) {
      if (error instanceof RangeError)
        throw new GrpcError(Status.RESOURCE_EXHAUSTED, `request is larger than ${this.#maxLength} bytes`);
      // The client is gone.
      if (this.signal.aborted || this.#request.destroyed) return;
      throw error;
    }
    const rest = splitter.end();
    if (rest !== undefined) yield rest;
  }
}

/** Parses, or throws INVALID_ARGUMENT in the words of Go's decoder where it has short ones. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, bad] = /^Unexpected token '?(.)'?/.exec(message) ?? [];
    throw new GrpcError(
      Status.INVALID_ARGUMENT,
      bad === undefined ? 'unexpected EOF' : `invalid character '${bad}' looking for beginning of value`,
    );
  }
}
