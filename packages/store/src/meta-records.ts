/**
 * Where on disk a state says what it is.
 *
 * In the first layout that is one record in front of all blocks, written anew with every batch: each table that LevelDB
 * makes then reaches from there to the newest block and overlaps all others, which it has to merge. In the second one,
 * from `metaBehindBlocksVersion` on, every batch has a record of its own right behind its newest block: the keys of
 * tables follow one another, and a table stays what it was when it was first written. The last of these records counts;
 * earlier ones go with the next batch that changes something in front of the last one anyway.
 *
 * Invariant: a batch changes contents and what counts in one go. Between members and in files nothing of this shows:
 * there the record has the key and the form of the first layout.
 */
import type { Level } from './levels.ts';
import type { StateMeta } from './state-meta.ts';
import { type DiskOperation, revisionKey } from './state-records.ts';
import { seal, StateCorruptError, unseal } from './state-seal.ts';
import { firstVersion, metaBehindBlocksVersion } from './versions/entry-versions.ts';

/** Of the only record of the first layout. */
export const metaKey = Buffer.from('m');

/**
 * What is left there in the second one, as of when it began: a release that does not know of it reads which version of
 * the log the cluster is at, and refuses the state for that.
 */
interface Forwarding extends StateMeta {
  readonly behindBlocks: true;
}

/** A block's key and the index of the log entry. */
const keyBytes = 17;
/** Where blocks, and the records behind them, are. */
const blocks = { gte: Buffer.from('r'), lt: Buffer.from('s') };
/** So many earlier records may wait for a batch that reaches in front of the last one. */
const maxEarlier = 1_000;

/** Behind all blocks up to the revision, in front of all later ones. */
function keyOf({ revision, index }: Pick<StateMeta, 'revision' | 'index'>): Buffer {
  const key = Buffer.alloc(keyBytes);
  revisionKey(revision).copy(key);
  key.writeBigUInt64BE(BigInt(index), keyBytes - 8);
  return key;
}

/** Whether a key is of the second layout's records. */
export function isBehindBlocks(key: Buffer): boolean {
  return key.length === keyBytes && key[0] === blocks.gte[0];
}

/** Whether a record is about the state, and none of its contents. */
export function isMetaKey(key: Buffer): boolean {
  return isBehindBlocks(key) || key.equals(metaKey);
}

/** Of the second layout's records that a database holds, in order; none in the first layout. */
export type MetaKeys = readonly Buffer[];

/** What a batch is to contain so that the state says `meta` of itself, and the keys that are there once it is written. */
export function describing(
  meta: StateMeta,
  keys: MetaKeys,
  batch: readonly DiskOperation[],
): { readonly operations: readonly DiskOperation[]; readonly keys: MetaKeys } {
  const json = Buffer.from(JSON.stringify(meta));
  const last = keys.at(-1);
  // A layout is never left for an earlier one.
  if (last === undefined && (meta.clusterVersion ?? firstVersion) < metaBehindBlocksVersion)
    return { operations: [{ type: 'put', key: metaKey, value: json }], keys };
  const key = keyOf(meta);
  const operations: DiskOperation[] = [{ type: 'put', key, value: seal(key, json) }];
  if (last === undefined) {
    const forwarding: Forwarding = { ...meta, behindBlocks: true };
    operations.push({ type: 'put', key: metaKey, value: Buffer.from(JSON.stringify(forwarding)) });
    return { operations, keys: [key] };
  }
  // History that goes is a batch without a new entry: its record takes the place of the last one.
  const earlier = last.equals(key) ? keys.slice(0, -1) : keys;
  // Only where the batch's table will overlap theirs for other reasons.
  if (earlier.length < maxEarlier && !batch.some((operation) => operation.key.compare(last) < 0))
    return { operations, keys: [...earlier, key] };
  for (const gone of earlier) operations.push({ type: 'del', key: gone });
  return { operations, keys: [key] };
}

/**
 * What a database says of itself; undefined for an empty one, or one that was never finished. Rejects with
 * `StateCorruptError` when that is damaged.
 */
export async function readMeta(db: Pick<Level, 'getSync' | 'iterator'>): Promise<StateMeta | undefined> {
  const bytes = db.getSync(metaKey);
  if (bytes === undefined) return undefined;
  const meta = parseMeta(bytes);
  if (!('behindBlocks' in meta)) return meta;
  const last = db.iterator({ ...blocks, reverse: true, limit: 1 });
  try {
    const [record] = await last.nextv(1, {});
    if (record === undefined || !isBehindBlocks(record[0]))
      throw new StateCorruptError('what it says about itself is gone');
    return parseMeta(unseal(...record));
  } finally {
    await last.close();
  }
}

/** Whether nothing was ever written to a database. */
export async function isEmpty(db: Pick<Level, 'iterator'>): Promise<boolean> {
  const iterator = db.iterator({ limit: 1 });
  try {
    return (await iterator.nextv(1, {})).length === 0;
  } finally {
    await iterator.close();
  }
}

/** Of the form of the first layout. Throws `StateCorruptError`. */
export function parseMeta(json: Buffer): StateMeta {
  try {
    return JSON.parse(json.toString()) as StateMeta;
  } catch (error) {
    throw new StateCorruptError('what it says about itself cannot be read', { cause: error });
  }
}
