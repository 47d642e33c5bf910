/**
 * Serves the office to the components of this host: a unix socket that only root may open, one JSON line per state,
 * the current one first. A reader that does not keep up is cut off rather than buffered for; it reconnects and gets
 * the state as it is then.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { type OfficeState, passiveOffice, sameButLease } from '@timonier/client/office';

const maxReaders = 64;
const maxBufferedBytes = 64 * 1024;
/** Renewals alone are told this often at most. */
const renewalEveryMs = 100;

export class OfficePublisher {
  readonly #path: string;
  readonly #now: () => number;
  readonly #readers = new Set<Socket>();
  #server: Server | undefined;
  #state: OfficeState = passiveOffice;
  #sent: OfficeState = passiveOffice;
  #sentAt = 0;

  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  get state(): OfficeState {
    return this.#state;
  }

  async listen(): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true });
    // A socket file that an earlier supervisor left behind refuses connections until it is replaced.
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#path, () => resolve());
    });
    chmodSync(this.#path, 0o600);
  }

  /** Tells everybody, at once when more than the lease's end changed. */
  publish(state: OfficeState): void {
    this.#state = state;
    const now = this.#now();
    if (sameButLease(state, this.#sent) && now - this.#sentAt < renewalEveryMs) return;
    this.#sent = state;
    this.#sentAt = now;
    const line = `${JSON.stringify(state)}\n`;
    for (const reader of this.#readers) this.#send(reader, line);
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    for (const reader of this.#readers) reader.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    if (this.#readers.size >= maxReaders) {
      socket.destroy();
      return;
    }
    this.#readers.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#readers.delete(socket));
    socket.resume();
    this.#send(socket, `${JSON.stringify(this.#state)}\n`);
  }

  #send(reader: Socket, line: string): void {
    if (reader.writableLength > maxBufferedBytes) reader.destroy();
    else reader.write(line);
  }
}
