/**
 * Decides from time alone when a peer is gone or slow on purpose: it is silent and does not answer PING, takes none
 * of what we sent, or does not finish what it began to say.
 */
import type { Limits } from './limits.ts';

export interface Progress {
  /** All bytes ever handed to the socket, and those of them that the kernel has not taken. */
  readonly handed: number;
  readonly backlog: number;
  /** The peer must still say something before anything else can happen: its SETTINGS, or the rest of its headers. */
  readonly midway: boolean;
}

export type Verdict = 'fine' | 'ask' | 'dead';

export class Watchdog {
  heardAt: number;
  readonly #limits: Limits;
  #askedAt: number | undefined;
  #taken = 0;
  #takenAt: number;
  #midwaySince: number | undefined;

  constructor(limits: Limits, now: number) {
    this.#limits = limits;
    this.heardAt = now;
    this.#takenAt = now;
    this.#midwaySince = now;
  }

  heard(now: number): void {
    this.heardAt = now;
    this.#askedAt = undefined;
  }

  /** To be asked every few seconds. 'ask' wants a PING to be sent. */
  check(now: number, { handed, backlog, midway }: Progress): Verdict {
    const limits = this.#limits;
    if (backlog === 0 || handed - backlog !== this.#taken) {
      this.#taken = handed - backlog;
      this.#takenAt = now;
    }
    this.#midwaySince = midway ? (this.#midwaySince ?? now) : undefined;
    if (
      now - this.#takenAt > limits.stallMs ||
      (this.#midwaySince !== undefined && now - this.#midwaySince > limits.handshakeMs) ||
      (this.#askedAt !== undefined && now - this.#askedAt > limits.keepaliveTimeoutMs)
    )
      return 'dead';
    if (this.#askedAt !== undefined || now - this.heardAt <= limits.keepaliveMs) return 'fine';
    this.#askedAt = now;
    return 'ask';
  }
}
