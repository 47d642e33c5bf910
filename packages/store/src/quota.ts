/**
 * How much may lie on this member's disk, and what happens when there is no more room. Beyond the quota the member
 * raises etcd's alarm through the log, and no member takes anything more in until it is taken back: by an operator,
 * or by the member itself where it was started to do so.
 *
 * When the file system itself runs short, the member raises the alarm with a mark that says so, while there is still
 * room to write it down, and takes it back by itself once there is room again. What such alarms stop is the state
 * machine's to say: members that have room go on while they are a majority.
 */
import { type DiskRoom, reserveOf } from './disk-room.ts';
import { etcdError } from './errors.ts';

/** Why a member's own alarm is raised. */
export type AlarmCause = 'quota' | 'disk';

export interface QuotaOptions {
  /** Infinity for no bound. */
  readonly bytes: number;
  readonly autoDisarm: boolean;
  /** Bytes applied that are not on disk yet. */
  readonly unwritten: () => number;
  /** This member's own alarm. */
  readonly raised: () => AlarmCause | undefined;
  readonly alarm: (activate: boolean, cause: AlarmCause) => Promise<object>;
  /** Room on the file system; undefined where nobody can say. */
  readonly room: () => DiskRoom | undefined;
  /** Whether a write waits for room, or one failed for lack of it. */
  readonly stuck: () => boolean;
  /** Whether so many members are out of room that the group takes nothing in. */
  readonly refused: () => boolean;
}

/** Of the quota; so much must be free before an alarm is taken back unasked. */
const calmShare = 0.9;

export class Quota {
  readonly #options: QuotaOptions;
  #diskBytes = 0;
  #changing = false;

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
    return this.used + bytes <= this.limit && !this.#options.refused();
  }

  /** Rejects with etcd's error when a write of so many bytes has no room, after raising the alarm. */
  async check(bytes: number): Promise<void> {
    if (this.hasRoomFor(bytes)) return;
    if (this.#options.raised() === undefined) await this.#options.alarm(true, 'quota');
    throw etcdError.noSpace();
  }

  /** Whether this member's own alarm is raised, so that room is waited for. */
  get waitsForRoom(): boolean {
    return this.#options.raised() !== undefined;
  }

  /** Whether the file system has what writing needs beside what is written. */
  get hasReserve(): boolean {
    const room = this.#options.room();
    return room === undefined || room.free >= reserveOf(room);
  }

  /** The state's files take so much now. */
  measured(diskBytes: number): void {
    this.#diskBytes = diskBytes;
    if (!this.#options.autoDisarm || this.#options.raised() !== 'quota') return;
    if (this.used <= calmShare * this.limit) this.#change(false, 'quota');
  }

  /** Looks at the file system, and raises or takes back the alarm about it. */
  look(): void {
    const room = this.#options.room();
    const raised = this.#options.raised();
    const stuck = this.#options.stuck();
    if (raised === undefined) {
      if (stuck || (room !== undefined && room.free < reserveOf(room))) this.#change(true, 'disk');
    } else if (raised === 'disk' && !stuck && (room === undefined || room.free >= 2 * reserveOf(room)))
      this.#change(false, 'disk');
  }

  /** One change is under way at a time; one that fails, for want of a leader for example, is tried again. */
  #change(activate: boolean, cause: AlarmCause): void {
    if (this.#changing) return;
    this.#changing = true;
    this.#options
      .alarm(activate, cause)
      .catch(() => undefined)
      .finally(() => {
        this.#changing = false;
      });
  }
}
