/** Bodies of answers piece by piece, so that nobody waits for a long one to be made, and none is made for who has gone. */
import { setImmediate } from 'node:timers/promises';

/** Longer bodies are handed over in pieces of this size. */
export const pieceBytes = 256 * 1024;
/** How long pieces are made before others have their turn. */
const turnMs = 5;

/** A body that is there, in pieces that are handed over one by one. */
export function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The pieces that have any bytes, as long as somebody wants them. Others have their turn while they are made. */
export async function* inTurns(
  pieces: Iterable<Buffer>,
  isOver: () => boolean,
): AsyncGenerator<Buffer, void, undefined> {
  let since = performance.now();
  for (const piece of pieces) {
    if (piece.length > 0) yield piece;
    if (performance.now() - since >= turnMs) {
      await setImmediate();
      since = performance.now();
    }
    if (isOver()) return;
  }
}

/** Pieces that were held back, and then the rest, which ends with them when nobody wants more. */
export async function* withFirst(first: Buffer[], rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    // What was handed over is not to be kept here.
    for (let piece = first.shift(); piece !== undefined; piece = first.shift()) yield piece;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
