/**
 * How much may lie on this member's disk. Beyond it the member raises an alarm through the log, and no member takes
 * anything more in until it is taken back: by an operator, or by the member itself where it was started to do so.
 */
import { etcdError } from './errors.ts';

export interface QuotaOptions {
  /** Infinity for no bound. */
  readonly bytes: number;
  readonly autoDisarm: boolean;
  /** Bytes applied that are not on disk yet. */
  readonly unwritten: () => number;
  /** Whether this member's own alarm is raised. */
  readonly raised: () => boolean;
  readonly alarm: (activate: boolean) => Promise<object>;
}

/** Of the quota; so much must be free before an alarm is taken back unasked. */
const calmShare = 0.9;

export class Quota {
  readonly #options: QuotaOptions;
  #diskBytes = 0;
  #disarming = false;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  get limit(): number {
    return this.#options.bytes;
  }

  /** On disk as of the last flush, and on the way there. */
  get used(): number {
    return this.#diskBytes + this.#options.unwritten();
  }

  hasRoomFor(bytes: number): boolean {
    return this.used + bytes <= this.limit;
  }

  /** Rejects with etcd's error when a write of so many bytes has no room, after raising the alarm. */
  async check(bytes: number): Promise<void> {
    if (this.hasRoomFor(bytes)) return;
    if (!this.#options.raised()) await this.#options.alarm(true);
    throw etcdError.noSpace();
  }

  /** Whether this member's own alarm is raised, so that room is waited for. */
  get waitsForRoom(): boolean {
    return this.#options.raised();
  }

  /** The state's files take so much now. */
  measured(diskBytes: number): void {
    this.#diskBytes = diskBytes;
    if (!this.#options.autoDisarm || this.#disarming || !this.#options.raised()) return;
    if (this.used > calmShare * this.limit) return;
    this.#disarming = true;
    this.#options
      .alarm(false)
      .catch(() => undefined)
      .finally(() => {
        this.#disarming = false;
      });
  }
}
