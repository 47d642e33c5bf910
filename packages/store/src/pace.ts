/**
 * How fast this member and its group live at the moment, and what follows for elections: after how many ticks of
 * silence a leader counts as lost, and how long a voter may promise its loyalty.
 *
 * In: how late own ticks come, gaps between a leader's messages, round trips, what the leader measured. Out: a timeout
 * between a floor, on a quiet machine, and a ceiling. It rises with the first delay and falls when none was seen for a
 * while. Times are milliseconds of one monotonic clock.
 *
 * Invariant: at no time is the timeout in force shorter than what is left of any promise made.
 */
import type { NodeId } from '@timonier/raft';
import { Delays } from './delays.ts';
import type { KnownBugs } from './known-bugs.ts';

export interface PaceOptions {
  readonly heartbeatMs: number;
  readonly floorMs: number;
  readonly ceilingMs: number;
  readonly bugs?: KnownBugs;
}

/** Delays repeat, and not exactly: so many of what they count for fit into the timeout beside two heartbeats. */
const delaysWithin = 5;
/** Clocks of two hosts may differ by so much in speed; real ones differ by less than a tenth of it. */
const clockTrust = 0.99;

export class Pace {
  readonly tickMs: number;
  /** Two ticks a heartbeat: fine enough to tell a late heartbeat from a lost one, and cheap when idle. */
  readonly heartbeatTicks = 2;
  readonly #options: PaceOptions;
  #inForce: number;
  #promised: number;
  /** When every promise that is longer than `#promised` is over. */
  #lowerAt = 0;
  readonly #delays = new Delays();
  #told = 0;
  #tickedAt: number | undefined;
  #heardFrom = '';
  #heardAt = 0;
  #askedRound = 0;
  #askedAt = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.tickMs = Math.max(5, Math.floor(options.heartbeatMs / 2));
    this.#inForce = this.#promised = this.#ticks(options.floorMs);
  }

  /** The timeout in force. */
  get electionTicks(): number {
    return this.#inForce;
  }

  get electionMs(): number {
    return this.#inForce * this.tickMs;
  }

  /**
   * For how long a voter that hears of a leader now stays loyal at least. Its first tick may come at once, and timers
   * of whole milliseconds may fire one early.
   */
  get promiseMs(): number {
    return Math.floor((this.#promised - 1) * (this.tickMs - 1) * clockTrust);
  }

  /** Ticks after which a promise of `ms` is over by anybody's clock, though it was made just before the first. */
  ticksBeyond(ms: number): number {
    return ms <= 0 ? 0 : Math.ceil(ms / clockTrust / (this.tickMs - 1)) + 1;
  }

  /** What the delays seen lately count for: those of this member, or of the leader it follows. */
  get delayMs(): number {
    return Math.max(this.#delays.counted, this.#told);
  }

  /** A tick is due now. Returns whether the timeout in force changed. */
  tick(now: number): boolean {
    if (this.#tickedAt !== undefined) this.#delayed(now - this.#tickedAt - this.tickMs, now);
    this.#tickedAt = now;
    this.#delays.pass(now);
    return this.#adapt(now);
  }

  /** A message of a leader arrived; `delayMs` is what it measured itself, when it says so. */
  heard(leader: NodeId, term: number, now: number, delayMs: number | undefined): void {
    const from = `${leader} ${term}`;
    // A gap that ended in another leader's message says nothing about delays.
    if (from === this.#heardFrom) this.#delayed(now - this.#heardAt - this.#options.heartbeatMs, now);
    else {
      this.#heardFrom = from;
      this.#told = 0;
    }
    this.#heardAt = now;
    if (delayMs !== undefined) this.#told = delayMs;
  }

  /** A leader sends a round; one at a time is measured. */
  asked(round: number, now: number): void {
    this.#heardFrom = '';
    this.#told = 0;
    if (round === this.#askedRound || now - this.#askedAt < this.#options.heartbeatMs) return;
    this.#askedRound = round;
    this.#askedAt = now;
  }

  answered(round: number, now: number): void {
    if (round === this.#askedRound) this.#delayed(now - this.#askedAt, now);
  }

  #delayed(ms: number, now: number): void {
    // Longer than this is no delay but a process that was stopped, which no timeout can cover.
    if (ms > 0 && ms <= 2 * this.#options.ceilingMs) this.#delays.note(ms, now);
  }

  #adapt(now: number): boolean {
    const { heartbeatMs, floorMs, ceilingMs } = this.#options;
    const wanted = 2 * heartbeatMs + delaysWithin * this.delayMs;
    const ticks = this.#ticks(Math.min(ceilingMs, Math.max(floorMs, wanted)));
    if (ticks < this.#promised) this.#lowerAt = Math.max(this.#lowerAt, now + this.electionMs);
    this.#promised = ticks;
    const before = this.#inForce;
    const allowed = now >= this.#lowerAt || this.#options.bugs?.has('promise-cut-short') === true;
    if (ticks > before || allowed) this.#inForce = ticks;
    return this.#inForce !== before;
  }

  #ticks(ms: number): number {
    return Math.max(4, Math.ceil(ms / this.tickMs));
  }
}
