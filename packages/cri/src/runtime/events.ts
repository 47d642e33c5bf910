/**
 * Broadcasts container events to any number of listeners. A listener that falls more than a thousand events behind
 * is ended: it must list everything again, as after a lost connection.
 */
const maxBacklog = 1_000;

export class EventHub<T> {
  readonly #listeners = new Set<(event: T) => void>();

  publish(event: T): void {
    for (const listener of this.#listeners) listener(event);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  async *subscribe(signal: AbortSignal): AsyncIterable<T> {
    const backlog: T[] = [];
    let wake: () => void = () => undefined;
    let overflow = false;
    const listener = (event: T): void => {
      if (backlog.length >= maxBacklog) overflow = true;
      else backlog.push(event);
      wake();
    };
    const abort = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener('abort', abort);
    try {
      while (!signal.aborted) {
        const event = backlog.shift();
        if (event !== undefined) yield event;
        else if (overflow) throw new Error(`more than ${maxBacklog} events behind`);
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', abort);
    }
  }
}
