/**
 * Joins what the write-ahead log and the state on disk remember into the log view a member starts with.
 *
 * The state is never ahead of the durable log (see unflushed.ts), so a gap between the two, or a log that ends
 * before the state, is damage and an error.
 */
import { type Configuration, type HardState, MemoryLog, type SnapshotDescriptor } from '@timonier/raft';
import type { WalContent } from './wal.ts';

export interface Recovered {
  readonly log: MemoryLog;
  readonly hardState: HardState;
  /** What the state on disk has applied. */
  readonly base: SnapshotDescriptor;
}

/**
 * What the consensus core starts from, of what the log and the state on disk hold. Throws with one sentence when a piece is
 * missing between the two.
 */
export function recover(
  content: WalContent,
  state: { readonly index: number; readonly term: number } | undefined,
  configuration: Configuration,
): Recovered {
  const base = { index: state?.index ?? 0, term: state?.term ?? 0, configuration };
  const log = new MemoryLog(configuration);
  let entries = content.entries;
  const first = entries[0];
  const mark = content.snapshot;
  if (first === undefined) {
    // A state is only counted on once it is durable, and entries go only once the state has them.
    if (mark !== undefined && mark.index > base.index)
      throw new Error(
        `the log counts on a state at ${mark.index}, but the state ends at ${base.index}: part of the data directory is missing`,
      );
    log.install(base);
  } else {
    if (first.index > base.index + 1)
      throw new Error(
        `the log begins at ${first.index}, but the state ends at ${base.index}: part of the data directory is missing`,
      );
    const before = first.index - 1;
    if (before === 0) log.install({ index: 0, term: 0, configuration });
    else if (before === base.index) log.install(base);
    else if (before === mark?.index) log.install({ ...mark, configuration });
    else {
      // The entry before the first is gone and with it its term: the first itself becomes the anchor.
      log.install({ index: first.index, term: first.term, configuration });
      entries = entries.slice(1);
    }
    log.append(entries);
    if (log.lastIndex() < base.index)
      throw new Error(
        `the log ends at ${log.lastIndex()}, but the state is at ${base.index}: part of the data directory is missing`,
      );
    log.compact(base, log.firstIndex());
  }
  const commit = Math.max(base.index, Math.min(content.hardState.commit, log.lastIndex()));
  const term = Math.max(content.hardState.term, base.term);
  const vote = term === content.hardState.term ? content.hardState.vote : null;
  return { log, hardState: { term, vote, commit }, base };
}
