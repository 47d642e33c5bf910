/**
 * Whose data a directory holds. `member.json` in it says so from the first start on, and from then on it and not the
 * flags decide who this member is, as in etcd: the flags may name the members of another day.
 *
 * Invariant: a directory never serves two members or two clusters, nor a member that was removed.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NodeId } from '@timonier/raft';
import type { InitialCluster, InitialMember } from './cluster.ts';

interface Identity {
  readonly cluster: string;
  readonly member: NodeId;
  readonly name: string;
  /** Form of everything in the directory; 1 when absent. */
  readonly format?: number;
  /** Who made the cluster: what the group knew before its first log entry. Absent when the flags still say it. */
  readonly founders?: readonly InitialMember[];
  /** Of one that joined: the others as it found them. */
  readonly met?: readonly InitialMember[];
  /** Peer URLs of all members when they last changed. */
  readonly known?: readonly string[];
  /** And what they are called. */
  readonly names?: readonly string[];
  /** Set once the group has taken this member out. */
  readonly removed?: boolean;
  /** Whether it is a witness, which has no state: it cannot become anything else. */
  readonly witness?: boolean;
  /** Made of a snapshot or of what a cluster left: its ids do not follow from the flags. */
  readonly restored?: boolean;
}

/** The form of data directories that this version writes, and the only one that it reads. */
const dataFormat = 1;

/**
 * Who the directory's member is; undefined for a directory that has none yet. `flagged` is what the flags say. Throws
 * with what to do when the directory is of no use to such a member.
 */
export function readIdentity(
  folder: string,
  flagged: InitialCluster,
  { joins, witness }: { readonly joins: boolean; readonly witness: boolean },
): InitialCluster | undefined {
  const found = read(folder);
  if (found === undefined) return undefined;
  const { name, peerUrls } = flagged.self;
  if ((found.format ?? 1) !== dataFormat)
    throw new Error(
      `data directory ${folder} has format ${found.format}, and this version reads format ${dataFormat}; start the version that wrote it, or use another --data-dir`,
    );
  if (found.removed === true)
    throw new Error(
      `data directory ${folder} belongs to member ${found.name} (${found.member}), which was removed from cluster ${found.cluster}; delete it, or use another --data-dir, and join as a new member (timonier member add)`,
    );
  const founders = found.founders ?? flagged.members;
  const { met = [] } = found;
  const known = new Set([
    ...[...founders, ...met].flatMap(({ peerUrls: urls }) => urls),
    ...(found.known ?? []),
  ]);
  const sameFounders = sorted(founders) === sorted(flagged.members);
  // Other members than the founders may be named: those of today. Other ones than all it ever met may not. One that
  // names only itself, and has met others, moved: where to, they may know before it does.
  const named = flagged.members.some((member) => member.peerUrls.some((url) => known.has(url)));
  const others = flagged.members.filter((member) => member.name !== name);
  const moved =
    others.length === 0 && name === found.name && founders.some((founder) => founder.name !== found.name);
  // All may have moved at the same time: then names are all that is left, and `existing` says that this is meant.
  const names = new Set([...founders, ...met].map((member) => member.name).concat(found.names ?? []));
  const allMoved = joins && name === found.name && others.some((member) => names.has(member.name));
  if (
    found.cluster !== flagged.id &&
    found.restored !== true &&
    ((sameFounders && !joins) || !(named || moved || allMoved))
  )
    throw new Error(
      `data directory ${folder} belongs to cluster ${found.cluster}, not to ${flagged.id} (from --initial-cluster and --initial-cluster-token); use another --data-dir, or --initial-cluster-state existing if all its members have moved`,
    );
  if (found.name !== name)
    throw new Error(
      `data directory ${folder} belongs to member ${found.name} (${found.member}), not to ${name} (${flagged.self.id}); use another --data-dir`,
    );
  if ((found.witness === true) !== witness)
    throw new Error(
      found.witness === true
        ? `data directory ${folder} belongs to a witness; start it with --witness, or use another --data-dir`
        : `data directory ${folder} belongs to a member with a state, not to a witness; start it without --witness, or use another --data-dir`,
    );
  return {
    id: found.cluster,
    self: { id: found.member, name, peerUrls },
    members: founders,
    met,
    flagged: others,
  };
}

function sorted(members: readonly InitialMember[]): string {
  return members
    .map(({ name, peerUrls }) => `${name}=${peerUrls.toSorted().join()}`)
    .toSorted()
    .join();
}

/** Claims an empty directory for a member, or checks that it is this member's. */
export function claimDataDir(folder: string, cluster: InitialCluster, witness = false): void {
  makeFolder(folder);
  const found = read(folder);
  if (found === undefined)
    write(folder, {
      cluster: cluster.id,
      member: cluster.self.id,
      name: cluster.self.name,
      format: dataFormat,
      founders: cluster.members,
      ...(cluster.met === undefined ? {} : { met: cluster.met }),
      ...(witness ? { witness } : {}),
    });
  else if (found.cluster !== cluster.id || found.member !== cluster.self.id)
    throw new Error(
      `data directory ${folder} belongs to member ${found.member} of cluster ${found.cluster}, not to ${cluster.self.id} of ${cluster.id}; use another --data-dir`,
    );
}

/** Says whose a directory is whose state was made out of an older one's. Durable when it returns. */
export function claimRestored(folder: string, { id, self, members }: InitialCluster): void {
  write(folder, {
    cluster: id,
    member: self.id,
    name: self.name,
    format: dataFormat,
    founders: members,
    restored: true,
  });
}

/** Remembers that the group has taken this member out. */
export function markRemoved(folder: string): void {
  const found = read(folder);
  if (found !== undefined) write(folder, { ...found, removed: true });
}

/** Remembers where members are reached and what they are called, so that flags of a later day are recognized. */
export function rememberMembers(
  folder: string,
  members: Iterable<{ readonly name: string; readonly peerUrls: readonly string[] }>,
): void {
  const found = read(folder);
  const all = [...members];
  const known = all.flatMap(({ peerUrls }) => peerUrls).toSorted();
  // One that was added and did not start yet has none.
  const names = all.flatMap(({ name }) => (name === '' ? [] : [name])).toSorted();
  const isNew = JSON.stringify([found?.known, found?.names]) !== JSON.stringify([known, names]);
  if (found !== undefined && isNew) write(folder, { ...found, known, names });
}

function read(folder: string): Identity | undefined {
  const path = join(folder, 'member.json');
  try {
    return parse(path, readFileSync(path, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function write(folder: string, identity: Identity): void {
  const path = join(folder, 'member.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(identity)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
}

function parse(path: string, text: string): Identity {
  let value: Partial<Identity> | null = null;
  try {
    value = JSON.parse(text) as Partial<Identity> | null;
  } catch {
    // Said below.
  }
  const { cluster, member, name } = value ?? {};
  if (cluster === undefined || member === undefined || name === undefined)
    throw new Error(
      `${path} does not say whose data this is; restore it from a copy, or use another --data-dir`,
    );
  return { ...value, cluster, member, name };
}

/** Like mkdir -p. Node's own recursion never ends in a folder such as /proc, where nothing can be made. */
function makeFolder(path: string): void {
  const make = (): void => {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
    }
  };
  try {
    try {
      make();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
      makeFolder(dirname(path));
      make();
    }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const why = error.code === 'EEXIST' ? 'it is no folder' : error.message;
    throw new Error(`cannot use data directory ${path}: ${why}`, { cause: error });
  }
}
