/**
 * Makes the data of a new cluster out of a state: of a snapshot's file, or of a member that survived its cluster.
 *
 * Time has gone on since the state was taken, so nothing may look as if it went on where the state ends: revisions
 * jump ahead and everything before counts as compacted, so that whoever remembers the old cluster is told to read
 * anew; the cluster and its members get other ids, so that old members are refused; and the office gets an epoch
 * beyond all that the old cluster could have reached, so that no old master can act.
 *
 * Every member that is made of the same state in the same way gets the same contents.
 */
import { type ChangeSet, decodeBlock, encodeBlock } from './change-block.ts';
import { isBlockKey, leasePrefix, revisionKey } from './state-records.ts';
import type { StateBuilder } from './state-builder.ts';
import { metaKey } from './meta-records.ts';
import type { StateMeta, StoredMember } from './state-meta.ts';
import { StateCorruptError, unseal } from './state-seal.ts';
import type { SnapshotRecord } from './snapshot-file.ts';
import type { KeyValue } from './types.ts';
import { checkCarriesOut, firstVersion, spoken } from './versions/entry-versions.ts';

/** By how much revisions and the office's epoch jump: more than a cluster gets through in the life of a backup. */
export const defaultBump = 1_000_000_000;

const officeKey = '/timonier/office';

export interface NewCluster {
  readonly cluster: string;
  readonly members: readonly StoredMember[];
  readonly bumpRevision: number;
}

/** Where a key's newest change is: its revision, and its place among the changes of that. */
interface Place {
  readonly main: number;
  readonly sub: number;
}

const nothing = Buffer.alloc(0);

function gap(main: number): KeyValue {
  return { key: nothing, createRevision: 0, modRevision: main, version: 0, value: nothing, lease: 0n };
}

/**
 * Reads the records of a state twice, in the order of their keys, and adds those of the new one. Resolves with what
 * it says about itself; rejects with `IncompatibleVersionError` when it is of a newer release. Memory grows with the number of keys, not with their contents.
 */
export async function makeNewCluster(
  old: StateMeta,
  records: () => Iterable<SnapshotRecord> | AsyncIterable<SnapshotRecord>,
  builder: StateBuilder,
  { cluster, members, bumpRevision }: NewCluster,
): Promise<StateMeta> {
  checkCarriesOut(spoken, old.clusterVersion ?? firstVersion);
  const newest = new Map<string, Place>();
  for await (const [key, sealed] of records()) {
    if (!isBlockKey(key)) continue;
    for (const [main, changes] of decodeBlock(unseal(key, sealed)))
      for (const [sub, change] of changes.entries())
        if (change.key.length > 0) newest.set(change.key.toString('latin1'), { main, sub });
  }
  const revision = old.revision + bumpRevision;
  let office: KeyValue | undefined;
  for await (const [key, sealed] of records()) {
    if (key.equals(metaKey)) continue;
    const payload = unseal(key, sealed);
    if (!isBlockKey(key)) {
      await builder.add(key, payload);
      continue;
    }
    const sets: ChangeSet[] = [];
    for (const [main, changes] of decodeBlock(payload)) {
      const kept = changes.map((change, sub) => {
        const name = change.key.toString('latin1');
        const place = newest.get(name);
        const isNewest = place?.main === main && place.sub === sub && change.version > 0;
        if (!isNewest || change.key.length === 0) return gap(main);
        if (name !== officeKey) return change;
        office = change;
        return gap(main);
      });
      if (kept.some((change) => change.key.length > 0)) sets.push(kept);
    }
    if (sets.length > 0) await builder.add(key, encodeBlock(sets));
  }
  if (office !== undefined)
    await builder.add(
      revisionKey(revision),
      encodeBlock([
        [
          {
            ...office,
            modRevision: revision,
            version: office.version + 1,
            value: Buffer.from(nextOffice(office.value.toString('latin1'))),
          },
        ],
      ]),
    );
  const meta: StateMeta = {
    ...old,
    cluster,
    // A log of its own begins behind the state, as if one entry had made all of it.
    index: 1,
    term: 1,
    revision,
    compactRevision: revision,
    configuration: { voters: members.map(({ id }) => id).toSorted(), learners: [] },
    members,
    alarms: [],
    removed: [],
  };
  await builder.describe(meta);
  return meta;
}

/** What a state holds, by a look at its records. */
export function contentsOf(records: Iterable<SnapshotRecord>): {
  readonly keys: number;
  readonly leases: number;
  /** `EPOCH@HOLDER`; null where there is none. */
  readonly office: string | null;
} {
  const keys = new Set<string>();
  let leases = 0;
  let office: string | null = null;
  for (const [key, sealed] of records) {
    const payload = unseal(key, sealed);
    if (key[0] === leasePrefix) leases += 1;
    if (!isBlockKey(key)) continue;
    for (const [, changes] of decodeBlock(payload))
      for (const change of changes) {
        const name = change.key.toString('latin1');
        if (change.key.length === 0) continue;
        if (change.version === 0) keys.delete(name);
        else keys.add(name);
        if (name === officeKey) office = change.version === 0 ? null : change.value.toString('latin1');
      }
  }
  return { keys: keys.size, leases, office };
}

/** The office `EPOCH@HOLDER` of the new cluster, held by nobody that is. */
function nextOffice(token: string): string {
  const epoch = /^([1-9]\d{0,15})@/.exec(token)?.[1];
  if (epoch === undefined)
    throw new StateCorruptError(`the office "${token}" is not of the form EPOCH@HOLDER`);
  return `${Number(epoch) + defaultBump}@nobody`;
}
