/**
 * A call that came as JSON, in the form that handlers of gRPC methods take.
 *
 * Messages of a stream go out as one line each, `{"result":…}`, and are read one JSON value after the other from the
 * request's body. The call ends with its connection, or when the client has taken nothing for too long.
 */
import { StringDecoder } from 'node:string_decoder';
import { type BidiCall, GrpcError, type JsonMethod, type MethodDefinition, Status } from '@timonier/grpc';
import type { Exchange } from './exchange.ts';
import { JsonSplitter } from './json-splitter.ts';

export interface GatewayMethod {
  readonly definition: MethodDefinition;
  readonly json: JsonMethod;
  /** In the form its kind asks for. */
  readonly handler: unknown;
}

export class GatewayCall implements BidiCall<object, object> {
  /** The gateway speaks for nobody: a certificate's name counts on gRPC only, as in etcd. */
  readonly clientName = undefined;
  readonly #exchange: Exchange;
  readonly #method: GatewayMethod;
  readonly #maxLength: number;

  constructor(exchange: Exchange, method: GatewayMethod, maxLength: number) {
    this.#exchange = exchange;
    this.#method = method;
    this.#maxLength = maxLength;
  }

  get peer(): string {
    return this.#exchange.peer;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  metadata(name: string): string | undefined {
    return this.#exchange.header(name) ?? this.#exchange.header(`grpc-metadata-${name}`);
  }

  /** A message from parsed JSON, with every default filled in as gRPC would. */
  message(value: unknown): object {
    const { definition, json } = this.#method;
    return definition.request.decode(definition.request.encode(json.request.read(value)));
  }

  write(message: object): boolean {
    const exchange = this.#exchange;
    if (this.signal.aborted) return true;
    if (!exchange.begun)
      exchange.begin(200, {
        'Content-Type': 'application/json',
        'Grpc-Metadata-Content-Type': 'application/grpc',
      });
    return exchange.write(`{"result":${this.#method.json.response.write(message)}}\n`);
  }

  drained(): Promise<void> {
    return this.#exchange.drained();
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
      for await (const chunk of this.#exchange.body()) yield* splitter.push(decoder.write(chunk));
    } catch (error) {
      if (error instanceof RangeError)
        throw new GrpcError(Status.RESOURCE_EXHAUSTED, `request is larger than ${this.#maxLength} bytes`);
      throw error;
    }
    // What a client that is gone had not finished is no message.
    if (this.signal.aborted) return;
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
