/** An event loop for a `StartQueue` that turns when it is told to, with a clock that only its work moves. */
import type { Turns } from '../http/start-queue.ts';

export class HandTurned implements Turns {
  #milliseconds = 0;
  #due: (() => void)[] = [];

  now(): number {
    return this.#milliseconds;
  }

  soon(callback: () => void): void {
    this.#due.push(callback);
  }

  work(milliseconds: number): void {
    this.#milliseconds += milliseconds;
  }

  turn(): void {
    const due = this.#due;
    this.#due = [];
    for (const callback of due) callback();
  }

  get isIdle(): boolean {
    return this.#due.length === 0;
  }
}
