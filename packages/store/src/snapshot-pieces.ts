/** The bytes of a snapshot's file as they are read from a state on disk, no faster than other work allows. */
import type { Clock } from './clock.ts';
import type { Level } from './levels.ts';
import { type SnapshotDescription, snapshotPieces, snapshotSize } from './snapshot-file.ts';
import { viewOf } from './state-view.ts';
import { pacedSending } from './transfer-pace.ts';

export interface SnapshotPiece {
  /** At most 64 KiB. */
  readonly blob: Buffer;
  /** So many bytes in memory before it are free for what is to be sent in front of it. */
  readonly room: number;
  /** Bytes that come behind it. */
  readonly remaining: number;
}

/** Of the database as it is when the first piece is asked for. Throws when it holds no state yet. */
export async function* piecesOf(
  level: Pick<Level, 'frozen'>,
  clock: Pick<Clock, 'now' | 'after'>,
): AsyncGenerator<SnapshotPiece> {
  const view = await viewOf(level);
  try {
    const { meta, tally } = view;
    const description: SnapshotDescription = { taken: new Date().toISOString(), meta, tally };
    let remaining = snapshotSize(description);
    for await (const blob of snapshotPieces(description, pacedSending(view.chunks(), clock))) {
      remaining -= blob.length;
      yield { blob, room: 0, remaining };
    }
  } finally {
    await view.close();
  }
}
