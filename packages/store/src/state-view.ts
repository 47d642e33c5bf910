/** All of a state on disk as of one moment, for whoever passes it on or reads it whole. */
import type { Level, LevelIterator } from './levels.ts';
import { isMetaKey, readMeta } from './meta-records.ts';
import type { SnapshotRecord } from './snapshot-file.ts';
import type { StateMeta } from './state-meta.ts';
import type { Tally } from './state-seal.ts';

/** Read from LevelDB at a time, when everything is. */
export const readAheadBytes = 256 * 1024;
const chunkRecords = 1_000;

export type Chunk = readonly SnapshotRecord[];

export interface StateView {
  readonly meta: StateMeta;
  readonly tally: Tally;
  /** Every sealed record of its contents, in chunks of about 256 KiB. May be read once. */
  chunks(): AsyncGenerator<Chunk>;
  close(): Promise<void>;
}

/** All records of the contents. `onMeta` is told the keys of those about the state, in order. */
export async function* chunksOf(
  iterator: LevelIterator,
  onMeta: (key: Buffer) => void = () => undefined,
): AsyncGenerator<Chunk> {
  for (;;) {
    const chunk = await iterator.nextv(chunkRecords, {});
    if (chunk.length === 0) return;
    yield chunk.filter(([key]) => {
      const isMeta = isMetaKey(key);
      if (isMeta) onMeta(key);
      return !isMeta;
    });
  }
}

/** Everything as of the last flush. Rejects when there is no state yet, or what it says of itself is damaged. */
export async function viewOf(level: Pick<Level, 'frozen'>): Promise<StateView> {
  const frozen = level.frozen();
  try {
    const meta = await readMeta(frozen);
    if (meta?.tally === undefined) throw new Error('there is no state on disk yet');
    const iterator = frozen.iterator({ highWaterMarkBytes: readAheadBytes });
    return {
      meta,
      tally: meta.tally,
      chunks: () => chunksOf(iterator),
      close: async () => {
        await iterator.close();
        await frozen.close();
      },
    };
  } catch (error) {
    await frozen.close();
    throw error;
  }
}
