/**
 * How fast this member and its group live at the moment, and what follows for elections: after how many ticks of
 * silence a leader counts as lost, and how long a voter may promise its loyalty.
 *
 * In: of a leader, how late its ticks come and how long its rounds wait for a majority; of a follower, the gaps between the
 * leader's messages and what the leader measured. Out: a timeout between a floor, on a quiet machine, and a ceiling. It
 * rises with the first delay and falls when none was seen for a while. Times are milliseconds of one monotonic clock.
 *
 * A follower's own late ticks say nothing about its leader: its timeout counts ticks, so they only make it longer, and what
 * came meanwhile is looked at before the tick.
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
/** What a process does at its start makes ticks late as nothing does later. */
const startingMs = 2_000;
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
  /** What the others wait for when this member leads, and what it waits for itself then. */
  readonly #own = new Delays();
  /** Of whoever led. */
  readonly #heard = new Delays();
  #leads = false;
  #told = 0;
  #startedAt: number | undefined;
  #tickedAt = 0;
  #heardFrom = '';
  #heardAt = 0;
  /** The round that is measured, if any. */
  #asked: { readonly round: number; readonly at: number } | undefined;
  #askedAt = -Infinity;

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

  /** What the delays seen lately count for: those of this member while it leads, or of the leader it follows. */
  get delayMs(): number {
    return this.#leads ? this.#own.counted : Math.max(this.#heard.counted, this.#told);
  }

  /** A tick is due now. Returns whether the timeout in force changed. */
  tick(now: number): boolean {
    this.#startedAt ??= now;
    if (now - this.#startedAt > startingMs) this.#note(this.#own, now - this.#tickedAt - this.tickMs, now);
    this.#tickedAt = now;
    this.#own.pass(now);
    this.#heard.pass(now);
    return this.#adapt(now);
  }

  /** A message of a leader arrived; `delayMs` is what it measured itself, when it says so. */
  heard(leader: NodeId, term: number, now: number, delayMs: number | undefined): void {
    this.#leads = false;
    this.#asked = undefined;
    const from = `${leader} ${term}`;
    // A gap that ended in another leader's message says nothing about delays.
    if (from === this.#heardFrom)
      this.#note(this.#heard, now - this.#heardAt - this.#options.heartbeatMs, now);
    else {
      this.#heardFrom = from;
      this.#told = 0;
    }
    this.#heardAt = now;
    if (delayMs !== undefined) this.#told = delayMs;
  }

  /** This member leads and sends a round; one at a time is measured. */
  asked(round: number, now: number): void {
    this.#leads = true;
    this.#heardFrom = '';
    this.#told = 0;
    // In a new term rounds are counted from the start.
    const isOpen = this.#asked !== undefined && this.#asked.round <= round;
    if (isOpen || now - this.#askedAt < this.#options.heartbeatMs) return;
    this.#asked = { round, at: now };
    this.#askedAt = now;
  }

  /** A majority has answered a round, and with it every earlier one. Who is slower keeps nobody waiting. */
  answered(round: number, now: number): void {
    if (this.#asked === undefined || round < this.#asked.round) return;
    this.#note(this.#own, now - this.#asked.at, now);
    this.#asked = undefined;
  }

  #note(delays: Delays, ms: number, now: number): void {
    // Longer than this is no delay but a process that was stopped, which no timeout can cover.
    if (ms > 0 && ms <= 2 * this.#options.ceilingMs) delays.note(ms, now);
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
