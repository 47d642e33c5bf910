/** A histogram that costs next to nothing to add to; it becomes Prometheus' when somebody asks. */
export interface Sample {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
}

export class Buckets {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** Upper bounds, ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  get count(): number {
    return this.#count;
  }

  observe(value: number): void {
    this.#count++;
    this.#sum += value;
    const bounds = this.#bounds;
    // By hand, for every request comes here several times.
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at++;
    if (at < bounds.length) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  samples(name: string, labels: Record<string, string>): Sample[] {
    let below = 0;
    const samples: Sample[] = this.#bounds.map((le, i) => {
      below += this.#counts[i] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
    });
    samples.push(
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count },
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: this.#count },
    );
    return samples;
  }
}
