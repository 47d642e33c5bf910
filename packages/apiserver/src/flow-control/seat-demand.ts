/**
 * How many seats a priority level wanted over a period, in use and waited for together: average, deviation and peak by
 * time. The smoothed demand follows rises at once and falls slowly, so that a level that was busy keeps what it may
 * need again. Pure: time comes from outside, in milliseconds.
 */
const smoothing = 0.977;

export interface Demand {
  readonly average: number;
  readonly deviation: number;
  readonly peak: number;
  readonly smoothed: number;
}

export class SeatDemand {
  #since: number;
  #start: number;
  #value = 0;
  #sum = 0;
  #squares = 0;
  #peak = 0;
  #smoothed = 0;

  constructor(now: number) {
    this.#since = now;
    this.#start = now;
  }

  set(value: number, now: number): void {
    this.#add(now);
    this.#value = value;
    if (value > this.#peak) this.#peak = value;
  }

  /** What was wanted since the last call. */
  take(now: number): Demand {
    this.#add(now);
    const span = now - this.#start;
    const average = span > 0 ? this.#sum / span : this.#value;
    const variance = span > 0 ? this.#squares / span - average * average : 0;
    const deviation = Math.sqrt(Math.max(0, variance));
    const envelope = average + deviation;
    this.#smoothed = Math.max(envelope, smoothing * this.#smoothed + (1 - smoothing) * envelope);
    const demand = { average, deviation, peak: this.#peak, smoothed: this.#smoothed };
    this.#start = now;
    this.#sum = 0;
    this.#squares = 0;
    this.#peak = this.#value;
    return demand;
  }

  #add(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed <= 0) return;
    this.#sum += this.#value * elapsed;
    this.#squares += this.#value * this.#value * elapsed;
    this.#since = now;
  }
}
