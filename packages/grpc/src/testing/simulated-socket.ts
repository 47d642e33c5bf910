/** For tests: one end's socket on a network that takes what it likes, when it likes, by a seed. */
import type { Transport } from '../h2/output.ts';

export type Random = (below: number) => number;

export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export const pick = <T>(random: Random, choices: readonly [T, ...T[]]): T =>
  choices[random(choices.length)] ?? choices[0];

interface End {
  feed(chunk: Buffer): void;
  drained(): void;
}

/** As much as Node lets wait before it asks to be waited for. */
const highWaterMark = 64 * 1024;

/** One end's socket: what it writes waits here until the kernel takes it, and then on the wire until the other reads. */
export class SimulatedSocket implements Transport {
  readonly encrypted: boolean;
  /** Reads nothing while something of its own waits to be written, as Node's HTTP/2 does. */
  readonly #shy: boolean;
  readonly #wireBytes: number;
  readonly #random: Random;
  #waiting: { bytes: Buffer; taken: (() => void) | undefined }[] = [];
  #wire: Buffer[] = [];
  #onWire = 0;
  #needsDrain = false;
  paused = false;
  isEnded = false;
  writableLength = 0;
  end!: () => void;
  destroy!: () => void;
  mine!: End;
  other!: SimulatedSocket;

  constructor(random: Random, options: { encrypted: boolean; shy: boolean; wireBytes: number }) {
    this.#random = random;
    this.encrypted = options.encrypted;
    this.#shy = options.shy;
    this.#wireBytes = options.wireBytes;
    this.end = () => void (this.isEnded = true);
    this.destroy = this.end;
  }

  write(bytes: Buffer, taken?: () => void): boolean {
    // Not copied: memory that is written over too early is seen.
    this.#waiting.push({ bytes, taken });
    this.writableLength += bytes.length;
    if (this.writableLength < highWaterMark) return true;
    this.#needsDrain = true;
    return false;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }

  /** The kernel takes some of what waits. False when it cannot. */
  take(): boolean {
    const first = this.#waiting[0];
    const room = this.#wireBytes - this.#onWire;
    if (first === undefined || room <= 0) return false;
    const size = Math.min(
      first.bytes.length,
      room,
      1 + this.#random(pick(this.#random, [20, 5_000, 100_000])),
    );
    this.#wire.push(Buffer.from(first.bytes.subarray(0, size)));
    this.#onWire += size;
    this.writableLength -= size;
    if (size < first.bytes.length) {
      first.bytes = first.bytes.subarray(size);
      return true;
    }
    this.#waiting.shift();
    first.taken?.();
    if (this.writableLength > 0 || !this.#needsDrain) return true;
    this.#needsDrain = false;
    this.mine.drained();
    return true;
  }

  /** This end reads some of what the other has sent. False when there is nothing, or it does not want to. */
  read(): boolean {
    const wire = this.other;
    if (this.paused || (this.#shy && this.writableLength > 0) || wire.#onWire === 0) return false;
    const all = Buffer.concat(wire.#wire);
    const size = Math.min(all.length, 1 + this.#random(pick(this.#random, [12, 3_000, 70_000])));
    wire.#wire = size < all.length ? [all.subarray(size)] : [];
    wire.#onWire -= size;
    this.mine.feed(Buffer.from(all.subarray(0, size)));
    return true;
  }
}
