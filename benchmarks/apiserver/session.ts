/**
 * A connection of the load: HTTP/2 over TLS with the engine that our own components ask with. The load and what it is put on
 * share two processors, so that a client that costs little measures the servers and not itself.
 */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { type WebAnswer, WebClientConnection } from '@timonier/grpc/web-client';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly acceptEncoding?: string;
  readonly authorization?: string;
}

export interface Identity {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** A watch that the server has begun. */
export interface Watch {
  /** When nothing more comes, whoever ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

export class Session {
  readonly #connection: WebClientConnection;
  readonly #authority: string;

  private constructor(connection: WebClientConnection, authority: string) {
    this.#connection = connection;
    this.#authority = authority;
  }

  /** Rejects when nobody listens there, and when there is no handshake. */
  static async open(port: number, identity: Identity): Promise<Session> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ALPNProtocols: ['h2'],
      ...identity,
    });
    await once(socket, 'secureConnect');
    socket.setNoDelay(true);
    return new Session(new WebClientConnection(socket, () => undefined), `127.0.0.1:${port}`);
  }

  /** The head of the answer; its body is to be read or destroyed. Rejects when there is none. */
  request(call: Call): Promise<WebAnswer> {
    const { method, path, body, contentType, accept, acceptEncoding, authorization } = call;
    return new Promise((answered, failed) => {
      this.#connection.request(
        {
          method,
          path,
          authority: this.#authority,
          headers: {
            ...(accept === undefined ? {} : { accept }),
            ...(acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }),
            ...(authorization === undefined ? {} : { authorization }),
            ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
          },
          body: body === undefined ? undefined : Buffer.from(body),
        },
        { answered, failed },
      );
    });
  }

  /** Calls `seen` with what comes. Rejects unless the server begins it. */
  async watch(path: string, seen: (chunk: Buffer) => void, accept = 'application/json'): Promise<Watch> {
    const { status, body } = await this.request({ method: 'GET', path, accept });
    if (status !== 200) throw new Error(`${path}: ${status}`);
    const read = async (): Promise<void> => {
      for await (const chunk of body) seen(chunk);
    };
    return { ended: read().catch(() => undefined), close: () => body.destroy() };
  }

  destroy(): void {
    this.#connection.destroy('the load ended');
  }
}
