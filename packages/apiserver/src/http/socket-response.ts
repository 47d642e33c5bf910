/** An ordinary answer to a connection whose upgrade was refused. */
import type { Duplex } from 'node:stream';
import { endWith } from '@timonier/streaming';
import type { AnswerHeaders, HttpResponse } from './exchange.ts';

export class SocketResponse implements HttpResponse {
  readonly #socket: Duplex;
  headersSent = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  get writableEnded(): boolean {
    return this.#socket.writableEnded;
  }

  answer(status: number, headers: Record<string, string>, body: Buffer): void {
    this.writeHead(status, headers);
    this.end(body);
  }

  writeHead(status: number, headers: AnswerHeaders = {}): number {
    this.headersSent = true;
    const lines = Object.entries({ ...headers, connection: 'close' }).flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}: ${one}`),
    );
    // As Node writes heads: a sign is a byte.
    this.#socket.write(`HTTP/1.1 ${status} \r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    return status;
  }

  write(chunk: Buffer | string): boolean {
    return this.#socket.write(chunk);
  }

  end(chunk?: Buffer | string): void {
    endWith(this.#socket, chunk);
  }

  flushHeaders(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  /** An answer is short. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  onClose(listener: () => void): void {
    this.#socket.once('close', listener);
  }
}
