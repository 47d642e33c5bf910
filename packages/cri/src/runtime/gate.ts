/**
 * Lets only so many pieces of work run at a time, the most urgent first and equals in the order they came. A burst
 * of pods then becomes ready one after the other instead of all at its end.
 */
interface Waiting {
  readonly urgency: number;
  readonly go: () => void;
}

export class Gate {
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` when its turn comes; lower `urgency` goes first. */
  async run<T>(urgency: number, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) {
      await new Promise<void>((go) => {
        const at = this.#waiting.findIndex((other) => other.urgency > urgency);
        this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, { urgency, go });
      });
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      // The place is handed on, not given up: nobody can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next.go();
    }
  }
}
