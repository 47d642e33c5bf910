/** An ordinary answer to a connection whose upgrade was refused. */
import type { Duplex } from 'node:stream';
import type { HttpResponse } from './exchange.ts';

export class SocketResponse implements HttpResponse {
  readonly #socket: Duplex;
  headersSent = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  get writableEnded(): boolean {
    return this.#socket.writableEnded;
  }

  setHeader(): void {}

  writeHead(status: number, headers: Record<string, string> = {}): void {
    this.headersSent = true;
    const lines = Object.entries({ ...headers, connection: 'close' }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.#socket.write(`HTTP/1.1 ${status} \r\n${lines.join('\r\n')}\r\n\r\n`);
  }

  write(chunk: Buffer | string): boolean {
    return this.#socket.write(chunk);
  }

  end(chunk?: Buffer | string): void {
    this.#socket.end(chunk);
  }

  flushHeaders(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  on(event: 'close' | 'drain' | 'finish', listener: () => void): void {
    this.#socket.on(event, listener);
  }

  once(event: 'close' | 'drain' | 'finish', listener: () => void): void {
    this.#socket.once(event, listener);
  }

  off(event: 'close' | 'drain' | 'finish', listener: () => void): void {
    this.#socket.off(event, listener);
  }
}
