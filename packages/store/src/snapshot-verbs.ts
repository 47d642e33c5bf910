/**
 * What `timonier snapshot` does: saves the state of a running member to a file, says what is in a file, and makes the
 * data directory of a member of a new cluster out of one.
 *
 * Invariant: a file or a directory is either complete and durable or not there under its name.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createClient } from '@timonier/grpc';
import { parseInitialCluster } from './cluster.ts';
import { maintenanceService } from './client-services.ts';
import { claimRestored } from './identity.ts';
import { folderLevels } from './levels.ts';
import { SnapshotFile } from './snapshot-file.ts';
import { makeNewCluster, contentsOf } from './snapshot-restore.ts';
import { StateBuilder } from './state-builder.ts';
import { explainedAccess, login, type StoreAccess } from './store-access.ts';

const idleMs = 60_000;
/**
 * Written to the disk at a time. All of it at the end would keep the disk for as long as half a gigabyte takes, and a
 * member that has its log there waits.
 */
const syncBytes = 4 * 1024 * 1024;

/** Writes a snapshot of the member to a file that does not exist yet. Resolves with its size in bytes. */
export async function saveSnapshot(
  access: StoreAccess,
  path: string,
  onProgress: (done: number, of: number) => void,
): Promise<number> {
  if (existsSync(path)) throw new Error(`${path} exists; choose another name or remove it`);
  const tls = access.tls === undefined ? {} : { tls: access.tls };
  const client = createClient(maintenanceService, access.target, tls);
  const part = `${path}.part`;
  let fd: number | undefined;
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(), idleMs);
  try {
    const metadata = await login(access);
    let done = 0;
    let unsynced = 0;
    for await (const { blob, remainingBytes } of client.serverStream(
      'snapshot',
      {},
      { metadata, signal: idle.signal },
    )) {
      fd ??= openSync(part, 'w', 0o600);
      for (let at = 0; at < blob.length;) at += writeSync(fd, blob, at);
      done += blob.length;
      unsynced += blob.length;
      if (unsynced >= syncBytes) {
        fdatasyncSync(fd);
        unsynced = 0;
      }
      timer.refresh();
      onProgress(done, done + remainingBytes);
    }
    if (fd === undefined) throw new Error(`${access.target} sent nothing`);
    fsyncSync(fd);
    closeSync(fd);
    fd = undefined;
    const file = SnapshotFile.open(part);
    try {
      file.verify();
    } finally {
      file.close();
    }
    renameSync(part, path);
    syncFolder(dirname(resolve(path)));
    return done;
  } catch (error) {
    if (idle.signal.aborted)
      throw new Error(`${access.target} sent nothing for ${idleMs / 1000} s`, { cause: error });
    throw explainedAccess(error, access.target);
  } finally {
    clearTimeout(timer);
    client.close();
    if (fd !== undefined) closeSync(fd);
    rmSync(part, { force: true });
  }
}

export interface SnapshotStatus {
  readonly sha256: string;
  readonly taken: string;
  readonly cluster: string;
  readonly revision: number;
  readonly compactRevision: number;
  /** Keys that exist, without their history. */
  readonly keys: number;
  readonly leases: number;
  readonly bytes: number;
  /** `EPOCH@HOLDER` of a Timonier cluster's office; null in a store of something else. */
  readonly office: string | null;
}

/** Checks a whole file and says what is in it. Throws `SnapshotFileError` or `StateCorruptError`. */
export function snapshotStatus(path: string): SnapshotStatus {
  const file = SnapshotFile.open(path);
  try {
    const sha256 = file.verify();
    const { taken, meta } = file.description;
    const { keys, leases, office } = contentsOf(file.records());
    return {
      sha256,
      taken,
      cluster: meta.cluster,
      revision: meta.revision,
      compactRevision: meta.compactRevision,
      keys,
      leases,
      bytes: file.size,
      office,
    };
  } finally {
    file.close();
  }
}

export interface RestoreOptions {
  readonly name: string;
  /** As in etcd: `NAME=URL,NAME=URL…` of all members of the new cluster. */
  readonly initialCluster: string;
  readonly token: string;
  readonly dataDir: string;
  readonly bumpRevision: number;
}

export interface Restored {
  readonly dataDir: string;
  readonly cluster: string;
  readonly member: string;
  readonly revision: number;
}

/** Makes the data directory of one member. Throws before anything is written when the file or directory is bad. */
export async function restoreSnapshot(path: string, options: RestoreOptions): Promise<Restored> {
  const { name, initialCluster, token, dataDir, bumpRevision } = options;
  const file = SnapshotFile.open(path);
  try {
    const digest = file.verify();
    // The same file, restored alike on every host, gives the same ids everywhere, and never those of the old cluster.
    const cluster = parseInitialCluster(initialCluster, name, `${token}\n${digest}`);
    if (existsSync(dataDir) && readdirSync(dataDir).length > 0)
      throw new Error(`${dataDir} is not empty; restore into a new directory, or empty it first`);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const levels = folderLevels(dataDir);
    const builder = new StateBuilder(() => levels.open('restoring'));
    const { revision } = await makeNewCluster(file.description.meta, () => file.records(), builder, {
      cluster: cluster.id,
      members: cluster.members.map((member) => ({
        id: member.id,
        name: member.name,
        peerUrls: member.peerUrls,
        clientUrls: [],
      })),
      bumpRevision,
    });
    await builder.finish();
    levels.rename('restoring', 'state');
    syncFolder(dataDir);
    // Last, so that a directory with a half-made state belongs to nobody.
    claimRestored(dataDir, cluster);
    syncFolder(dataDir);
    return { dataDir, cluster: cluster.id, member: cluster.self.id, revision };
  } catch (error) {
    if (existsSync(join(dataDir, 'restoring'))) rmSync(join(dataDir, 'restoring'), { recursive: true });
    throw error;
  } finally {
    file.close();
  }
}

export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What a restored directory is called when nobody says: etcd's rule. */
export function defaultDataDir(name: string): string {
  return `${basename(name)}.etcd`;
}
