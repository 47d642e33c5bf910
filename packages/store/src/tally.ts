/**
 * Counters and distributions that are touched at every request: plain numbers, which become metrics only when somebody
 * asks for them. prom-client's own look up labels and buckets at each call, which was a fortieth of a put.
 */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  readonly registers: Registry[];
}

export class Tally {
  #count = 0;

  constructor(options: TallyOptions) {
    const counter: Counter = new Counter({
      ...options,
      collect: () => {
        counter.reset();
        counter.inc(this.#count);
      },
    });
  }

  inc(by = 1): void {
    this.#count += by;
  }
}

/** The same for each value of one label. */
export class LabelledTally<L extends string> {
  readonly #label: L;
  readonly #counts = new Map<string, number>();

  constructor({ label, ...options }: TallyOptions & { readonly label: L }) {
    this.#label = label;
    const counter: Counter<L> = new Counter<L>({
      ...options,
      labelNames: [label],
      collect: () => {
        for (const [value, count] of this.#counts) {
          const labels = { [label]: value } as Partial<Record<L, string>>;
          counter.remove(labels);
          counter.inc(labels, count);
        }
      },
    });
  }

  inc(labels: Readonly<Record<L, string>>, by = 1): void {
    const value = labels[this.#label];
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + by);
  }
}

const waiting = 512;

/** A histogram that sorts what it was given into buckets many at a time. */
export class Durations {
  readonly #waiting = new Float64Array(waiting);
  #count = 0;
  readonly #histogram: Histogram;

  constructor(options: TallyOptions & { readonly buckets: number[] }) {
    this.#histogram = new Histogram({ ...options, collect: () => this.#settle() });
  }

  /** In seconds. */
  observe(seconds: number): void {
    this.#waiting[this.#count++] = seconds;
    if (this.#count === waiting) this.#settle();
  }

  #settle(): void {
    for (let i = 0; i < this.#count; i++) this.#histogram.observe(this.#waiting[i] ?? 0);
    this.#count = 0;
  }
}
