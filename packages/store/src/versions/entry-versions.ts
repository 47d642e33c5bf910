/**
 * Versions of what log entries do, and the cluster version that all members have agreed on.
 *
 * Members of several versions run side by side during an upgrade, and each must do the same with the same entry. So
 * the version that an entry is carried out by is itself decided in the log (etcd's ClusterVersionSet), is part of the
 * state, and only ever grows: a new meaning counts from the entry that raises it on, on every member alike.
 */
import type { NodeId } from '@timonier/raft';

/** Versions that a member can carry out, both included. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** What counts while nothing was decided yet: all that was there before there were versions. */
export const firstVersion = 1;
/** From this version on, the remaining time of leases can be written down, */
export const leaseCheckpointVersion = 2;
/** and an alarm can be about one member that is alone with its data. */
export const apartVersion = 2;
/** From this one on, what a state says of itself lies behind its blocks: meta-records.ts. Entries mean the same. */
export const metaBehindBlocksVersion = 3;

/** What this code can carry out. */
export const spoken: VersionRange = { min: firstVersion, max: metaBehindBlocksVersion };

/**
 * The version of etcd that is shown where etcd shows its cluster version: the one whose log can say the same. Versions
 * that are not known here are those of newer members.
 */
const etcdVersions: Readonly<Record<number, string>> = {
  [firstVersion]: '3.4.0',
  [leaseCheckpointVersion]: '3.5.0',
  [metaBehindBlocksVersion]: '3.5.0',
};

/** As in etcd's `/version`. */
export function etcdClusterVersion(decided: number | undefined): string {
  return decided === undefined ? 'not_decided' : (etcdVersions[decided] ?? `unknown (${decided})`);
}

/** A member and a cluster that cannot go together. */
export class IncompatibleVersionError extends Error {
  override readonly name = 'IncompatibleVersionError';
}

/** Throws with what to do when a member of this range cannot carry out what a cluster at `version` decides. */
export function checkCarriesOut(range: VersionRange, version: number): void {
  if (version >= range.min && version <= range.max) return;
  const own = range.min === range.max ? `version ${range.min}` : `versions ${range.min} to ${range.max}`;
  throw new IncompatibleVersionError(
    `the cluster is at version ${version} of its log, and this release speaks ${own}: ${
      version > range.max
        ? 'it is too old; start the release that the other members run'
        : 'it is too new; bring all members to a release between the two first'
    } (see docs/operations/upgrades.md). The data is as it was`,
  );
}

/**
 * To what the leader should propose to raise the cluster version; undefined when nothing is to be done. As in etcd: as
 * far as every member speaks it, started or not, voter or not; and to the first version when nothing was decided and
 * somebody is not heard of, so that a cluster that lacks a member from its beginning shows a version, too.
 */
export function versionToPropose(
  decided: number | undefined,
  members: Iterable<NodeId>,
  speaks: (member: NodeId) => VersionRange | undefined,
): number | undefined {
  const current = decided ?? firstVersion;
  let least = 0;
  let most = Infinity;
  for (const member of members) {
    const range = speaks(member);
    if (range === undefined) return decided === undefined ? firstVersion : undefined;
    least = Math.max(least, range.min);
    most = Math.min(most, range.max);
  }
  // Members without a version in common are kept from meeting; if they did, nothing is decided.
  const target = Number.isFinite(most) && least <= most ? Math.max(current, most) : current;
  return target > current || decided === undefined ? target : undefined;
}
