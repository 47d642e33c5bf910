/**
 * Has a database write its files anew without what was overwritten or deleted: LevelDB does so by itself only while it
 * is written to.
 */
import type { Level } from './levels.ts';
import { metaKey, readMeta } from './meta-records.ts';
import { type DiskOperation, revisionKey } from './state-records.ts';

/** Of files, that are written anew at a time. */
const pieceBytes = 32 * 1024 * 1024;
const maxPieces = 256;
/** Among the keys of every state, and the key of none. */
const nowhere = Buffer.concat([metaKey, Buffer.from([0])]);

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
  // What is not history is small and comes with the first and last piece.
  const bound = (piece: number): Buffer =>
    piece === 0
      ? Buffer.from([0])
      : piece === pieces
        ? Buffer.from([255])
        : revisionKey(Math.floor((revisions * piece) / pieces));
  // LevelDB decides which levels to merge before it writes down what it has in memory: let it do that first. It merges
  // no level that nothing lies above of, so that one table would keep what was written and deleted in one go.
  await db.compactRange(metaKey, metaKey, {});
  await write([{ type: 'del', key: nowhere }]);
  for (let piece = 0; piece < pieces; piece++) {
    if (stopped()) return;
    await db.compactRange(bound(piece), bound(piece + 1), {});
    await rest();
  }
}
