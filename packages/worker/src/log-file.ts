/**
 * A log file that cannot fill a disk: when it has grown to `maxBytes` it becomes `PATH.1` and a new one begins, so
 * that at most twice that is kept. A write that fails (a full disk) loses its line and is counted, never thrown:
 * supervision must go on.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #descriptor: number | undefined;
  #size = 0;
  #lost = 0;

  constructor(path: string, maxBytes = 8 * 1024 * 1024) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Writes that failed so far. */
  get lost(): number {
    return this.#lost;
  }

  write(chunk: Uint8Array): void {
    try {
      if (this.#descriptor === undefined) this.#open();
      if (this.#size > 0 && this.#size + chunk.length > this.#maxBytes) {
        this.close();
        renameSync(this.#path, `${this.#path}.1`);
        this.#open();
      }
      if (this.#descriptor !== undefined) this.#size += writeSync(this.#descriptor, chunk);
    } catch {
      this.#lost++;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#descriptor = openSync(this.#path, 'a', 0o640);
    this.#size = fstatSync(this.#descriptor).size;
  }
}
