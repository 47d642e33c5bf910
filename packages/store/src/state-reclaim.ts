/**
 * Has a database write its files anew without what was overwritten or deleted: LevelDB does so by itself only while it
 * is written to.
 */
import type { Level } from './levels.ts';
import { readMeta } from './meta-records.ts';
import { type DiskOperation, revisionKey } from './state-records.ts';

/** Of files, that are written anew at a time. */
const pieceBytes = 32 * 1024 * 1024;
const maxPieces = 256;
/** In front of the keys of every state, and behind them. */
const first = Buffer.from([0]);
const last = Buffer.from([255]);

export interface Rewriting {
  /** Of all files. */
  readonly bytes: number;
  /** Writes a batch, which need not be durable. */
  readonly write: (operations: DiskOperation[]) => Promise<void>;
  /** Between two pieces. */
  readonly rest: () => Promise<void>;
  /** Whether to end early. */
  readonly stopped: () => boolean;
}

/** Goes through the whole database, piece by piece. Rejects with what the database or `write` does. */
export async function rewriteFiles(db: Level, { bytes, write, rest, stopped }: Rewriting): Promise<void> {
  const pieces = Math.max(1, Math.min(maxPieces, Math.ceil(bytes / pieceBytes)));
  const revisions = ((await readMeta(db))?.revision ?? 0) + 1;
  // What is not history is small and comes with the first and last piece. Bounds are the keys of no record.
  const bound = (piece: number): Buffer =>
    piece === 0
      ? first
      : piece === pieces
        ? last
        : Buffer.concat([revisionKey(Math.floor((revisions * piece) / pieces)), first]);
  // LevelDB decides which levels to merge before it writes down what it has in memory: let it do that first.
  await db.compactRange(first, first, {});
  for (let piece = 0; piece < pieces; piece++) {
    if (stopped()) return;
    const [from, to] = [bound(piece), bound(piece + 1)];
    // It merges no table that nothing lies above of, which would keep what was written and deleted in one go, or had to
    // stay for a reader. So one comes to lie above all of the piece: it reaches from one end to the other, holds nothing
    // and goes with the merge.
    await write([
      { type: 'del', key: from },
      { type: 'del', key: to },
    ]);
    await db.compactRange(from, to, {});
    await rest();
  }
}
