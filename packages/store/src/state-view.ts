/** All of a state on disk as of one moment, for whoever passes it on or reads it whole. */
import { etcdError } from './errors.ts';
import type { Level, LevelIterator } from './levels.ts';
import type { SnapshotRecord } from './snapshot-file.ts';
import { metaKey, readMeta, type StateMeta } from './state-meta.ts';
import type { Tally } from './state-seal.ts';

/** Read from LevelDB at a time, when everything is. */
export const readAheadBytes = 256 * 1024;
const chunkRecords = 1_000;

export type Chunk = readonly SnapshotRecord[];

export interface StateView {
  readonly meta: StateMeta;
  readonly tally: Tally;
  /** Every sealed record but the meta record, in chunks of about 256 KiB. May be read once. */
  chunks(): AsyncGenerator<Chunk>;
  close(): Promise<void>;
}

/** All records but the meta record. */
export async function* chunksOf(iterator: LevelIterator): AsyncGenerator<Chunk> {
  for (;;) {
    const chunk = await iterator.nextv(chunkRecords, {});
    if (chunk.length === 0) return;
    yield chunk.filter(([key]) => !key.equals(metaKey));
  }
}

/** Everything as of the last flush. */
export function viewOf(level: Pick<Level, 'getSync' | 'iterator'>): StateView {
  for (let attempt = 0; attempt < 100; attempt++) {
    const meta = readMeta(level);
    if (meta?.tally === undefined) throw new Error('there is no state on disk yet');
    const iterator = level.iterator({ highWaterMarkBytes: readAheadBytes });
    // A flush may have ended in between, on another thread.
    if (readMeta(level)?.index !== meta.index) {
      void iterator.close();
      continue;
    }
    return {
      meta,
      tally: meta.tally,
      chunks: () => chunksOf(iterator),
      close: () => iterator.close(),
    };
  }
  throw etcdError.replacing();
}
