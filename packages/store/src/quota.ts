/**
 * How much a state may hold, and what happens when there is no more room. Beyond the quota a member raises etcd's alarm
 * through the log, and no member takes anything more in until it is taken back: by an operator, or by the member itself
 * where it was started to do so. What counts is what the state's records add up to, which is the same on every member,
 * and not what the database's files take for the moment.
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
  /** Bytes that count for it. */
  readonly used: () => number;
  /** Whether compacted history is still being taken away. */
  readonly sweeping: () => boolean;
  readonly pause: (ms: number) => Promise<void>;
  /** Resolves when everything committed before is applied here. */
  readonly barrier: () => Promise<void>;
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
/** For so long a write waits for room that a compaction is about to make. */
const roomMs = 5_000;
const roomPollMs = 10;
/** So many writes wait at a time; others are refused. */
const maxWaiting = 1_000;

export class Quota {
  readonly #options: QuotaOptions;
  #waiting = 0;
  #changing = false;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  get limit(): number {
    return this.#options.bytes;
  }

  /** Bytes that count. */
  get used(): number {
    return this.#options.used();
  }

  /** Whether so many bytes more fit as of now; when not, `check` says what is to be waited for. */
  hasRoomFor(bytes: number): boolean {
    return this.used + bytes <= this.limit && !this.#options.refused();
  }

  /**
   * Rejects with etcd's error when a write of so many bytes has no room, after raising the alarm if it is for this
   * member to raise. While compacted history is still being taken away a write waits a while, and no alarm is raised:
   * whoever compacted and took an alarm back has done what there is to do.
   */
  async check(bytes: number): Promise<void> {
    if (this.hasRoomFor(bytes)) return;
    if (this.#options.refused()) {
      // An alarm that somebody took back may still be standing here.
      await this.#options.barrier();
      // Whoever raised it, it says nothing about this member.
      if (this.#options.refused()) throw etcdError.noSpace();
      if (this.hasRoomFor(bytes)) return;
    }
    if (this.#options.sweeping()) {
      if (await this.#madeRoom(bytes)) return;
      if (this.#options.sweeping()) throw etcdError.noSpace();
    }
    if (this.#options.raised() === undefined) await this.#options.alarm(true, 'quota');
    throw etcdError.noSpace();
  }

  async #madeRoom(bytes: number): Promise<boolean> {
    if (this.#waiting >= maxWaiting) return false;
    this.#waiting += 1;
    try {
      for (let waited = 0; waited < roomMs && this.#options.sweeping(); waited += roomPollMs) {
        await this.#options.pause(roomPollMs);
        if (this.hasRoomFor(bytes)) return true;
      }
      return this.hasRoomFor(bytes);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Whether the file system has what writing needs beside what is written. */
  get hasReserve(): boolean {
    const room = this.#options.room();
    return room === undefined || room.free >= reserveOf(room);
  }

  /** Looks at the file system, and raises or takes back the alarm about it; takes back one about the quota if it may. */
  look(): void {
    const room = this.#options.room();
    const raised = this.#options.raised();
    if (raised === 'quota' && this.#options.autoDisarm && this.used <= calmShare * this.limit)
      this.#change(false, 'quota');
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
