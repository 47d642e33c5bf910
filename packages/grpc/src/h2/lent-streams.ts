/** Streams that wait until the kernel has all they were given, because their memory is used again then. */
import type { Sending } from './sending.ts';

export class LentStreams<S extends Pick<Sending, 'queue' | 'taken'>> {
  readonly #all = new Set<S>();

  add(stream: S): void {
    this.#all.add(stream);
  }

  delete(stream: S): void {
    this.#all.delete(stream);
  }

  clear(): void {
    this.#all.clear();
  }

  /** Tells those of which everything is in the output that is about to be flushed; undefined when there are none. */
  takenWithThis(): (() => void) | undefined {
    if (this.#all.size === 0) return undefined;
    const taken = [...this.#all].filter(({ queue }) => queue === undefined);
    for (const stream of taken) this.#all.delete(stream);
    return taken.length === 0
      ? undefined
      : (): void => {
          for (const stream of taken) stream.taken?.();
        };
  }
}
