/**
 * The clock of the consensus core: ticks at the member's pace, and what it must be told with them, that a leader was
 * silent for too long or that the disk stalls.
 */
import type { Input } from '@timonier/raft';
import type { HostOptions } from './host-options.ts';

export interface TickingOptions extends Pick<HostOptions, 'clock' | 'pace' | 'cover' | 'wal' | 'logger'> {
  readonly step: (input: Input) => void;
}

const stallMs = 1_500;

export class Ticking {
  readonly #o: TickingOptions;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #stalled = false;

  constructor(options: TickingOptions) {
    this.#o = options;
  }

  /** Waits for the next tick, and goes on from there. */
  start(): void {
    // The timer fires late when the process was stalled. What the network delivered meanwhile comes first, so that
    // a leader that did speak is heard; and however late, it is one tick.
    const { clock, pace } = this.#o;
    this.#cancel = clock.after(pace.tickMs, () => clock.soon(() => this.#tick()));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #tick(): void {
    if (this.#stopped) return;
    const { clock, pace, cover, wal, step } = this.#o;
    const now = clock.now();
    if (pace.tick(now)) step({ type: 'election-timeout', ticks: pace.electionTicks });
    cover.follow(pace.promiseMs, now);
    step({ type: 'tick', now: clock.bootTime() });
    this.#disk(wal.stalledMs > stallMs);
    this.start();
  }

  /**
   * A write came back after `ms`. The thread that ticks may have waited for it itself and could not leave office
   * meanwhile; it does before it does anything else. The next tick sees that the disk is back.
   */
  wrote(ms: number): void {
    if (ms > stallMs && !this.#stopped) this.#disk(true);
  }

  #disk(stalled: boolean): void {
    if (stalled === this.#stalled) return;
    this.#stalled = stalled;
    this.#o.logger.warn({ stalled }, stalled ? 'disk write is late' : 'disk caught up');
    this.#o.step({ type: 'disk-stalled', stalled });
  }
}
