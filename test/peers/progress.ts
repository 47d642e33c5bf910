/** One line about what is going on: rewritten in place on a terminal, and printed now and then everywhere else. */

const betweenLinesMs = 20_000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  readonly #began: number;
  #shown: number;

  constructor(stream: NodeJS.WriteStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#began = now();
    this.#shown = this.#began;
  }

  /** What is so now; a reader who is not on a terminal does not see all of them. */
  is(text: string): void {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001B[K${this.#timed(text).slice(0, Math.max(20, this.#stream.columns - 1))}`);
      return;
    }
    if (this.#now() - this.#shown < betweenLinesMs) return;
    this.#shown = this.#now();
    this.#stream.write(`${this.#timed(text)}\n`);
  }

  /** How it came out: always shown, and stays. */
  ended(text: string): void {
    this.#stream.write(`${this.#stream.isTTY ? '\r\u001B[K' : ''}${this.#timed(text)}\n`);
  }

  #timed(text: string): string {
    const seconds = Math.round((this.#now() - this.#began) / 1_000);
    return `${text} (${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')})`;
  }
}
