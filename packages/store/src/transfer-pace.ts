/**
 * How fast long work may go on while others write, above all reading and sending a whole state: it takes turns with
 * everything else.
 *
 * Sending a state as fast as it goes takes all there is of a processor, of the disk and of whoever receives it, and
 * puts then wait for what is left. So each piece is followed by a rest that is a multiple of what the piece took,
 * waiting for the other side included: a machine that is busy makes pieces take longer, and the state makes more room.
 *
 * Invariant: the rest is bounded, so that a state always arrives; and it ends when the log that is kept for the
 * receiver fills up, for a state that is slower than the log would have to be sent again.
 */
import type { Clock } from './clock.ts';

export interface Piece {
  /** From asking for the piece until the other side had room for more, in milliseconds. */
  readonly tookMs: number;
  /** How late the last rest ended: the event loop or the processor was busy with something else. */
  readonly lateMs: number;
  /** How much of the room for log that the receiver will need is used: 0 none, 1 all. */
  readonly logUsed: number;
  /** How many times as long as a piece took. */
  readonly rests: number;
}

/** A fifth of the time is the state's while it is sent; half of it while it is put in place, for nobody can read then. */
const sendingRests = 4;
const installingRests = 1;
/** At 256 KiB a piece this alone allows 10 MB a second. */
const longestMs = 25;
/** Beyond so much of the log's room there is no rest at all. */
const hurryAt = 0.5;

/** How long to rest after a piece, in milliseconds; 0 for not at all. */
export function restAfter({ tookMs, lateMs, logUsed, rests }: Piece): number {
  const wanted = rests * Math.max(0, tookMs) + Math.max(0, lateMs);
  const patience = Math.min(1, Math.max(0, 1 - logUsed / hurryAt));
  return Math.min(longestMs, wanted) * patience;
}

type PaceClock = Pick<Clock, 'now' | 'after'>;

/** The pieces of a state that is read for somebody else, with rests between them. */
export function pacedSending<T>(
  pieces: AsyncIterable<T>,
  clock: PaceClock,
  logUsed: () => number = () => 0,
): AsyncGenerator<T> {
  return paced(pieces, clock, sendingRests, logUsed);
}

/** The pieces of a state that is read to take the place of this member's own. */
export function pacedInstalling<T>(pieces: AsyncIterable<T>, clock: PaceClock): AsyncGenerator<T> {
  return paced(pieces, clock, installingRests, () => 0);
}

async function* paced<T>(
  pieces: AsyncIterable<T>,
  clock: PaceClock,
  rests: number,
  logUsed: () => number,
): AsyncGenerator<T> {
  let lateMs = 0;
  let began = clock.now();
  for await (const piece of pieces) {
    yield piece;
    const rest = restAfter({ tookMs: clock.now() - began, lateMs, logUsed: logUsed(), rests });
    began = clock.now();
    if (rest > 0) {
      await new Promise<void>((resolve) => void clock.after(rest, resolve));
      // Timers of whole milliseconds are late by less than one anyway.
      lateMs = Math.max(0, clock.now() - began - rest - 1);
      began = clock.now();
    }
  }
}
