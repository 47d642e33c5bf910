/**
 * A strait that connections to one port pass on their way to another: a test lets through so many bytes of each and no
 * more, so that something large stands still half-way for as long as the test needs.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Narrows {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Socket>();
  #mostBytes = Infinity;
  #open = true;
  #waiting: (() => void)[] = [];

  private constructor(toPort: number) {
    this.#server = createServer((from) => this.#pass(from, toPort));
  }

  static async between(port: number, toPort: number): Promise<Narrows> {
    const narrows = new Narrows(toPort);
    narrows.#server.listen(port, '127.0.0.1');
    await once(narrows.#server, 'listening');
    return narrows;
  }

  /** Whether who comes may enter; others are sent away at once. */
  set open(open: boolean) {
    this.#open = open;
  }

  /** What passes in one connection towards the far end; what stands still goes on when this grows. */
  set mostBytes(bytes: number) {
    this.#mostBytes = bytes;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }

  /** Resolves when a connection stands still. */
  async isHeld(): Promise<void> {
    if (this.#held.size === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #pass(from: Socket, toPort: number): void {
    if (!this.#open) {
      from.destroy();
      return;
    }
    const to = connect(toPort, '127.0.0.1');
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.once('close', () => {
        this.#sockets.delete(one);
        this.#held.delete(one);
        other.destroy();
      });
    }
    to.pipe(from);
    let passed = 0;
    from.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      const hasRoom = to.write(chunk);
      if (passed > this.#mostBytes) this.#hold(from);
      else if (!hasRoom) {
        from.pause();
        to.once('drain', () => this.#held.has(from) || from.resume());
      }
    });
    from.once('end', () => to.end());
  }

  #hold(socket: Socket): void {
    socket.pause();
    this.#held.add(socket);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
