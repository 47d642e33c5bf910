/**
 * `--force-new-cluster`: when a majority of the members is lost for good, what one survivor has becomes a new cluster
 * of one member.
 *
 * Everything in the survivor's log counts, committed or not: an entry that the lost majority acknowledged may be known
 * here as no more than received. What only the lost members had is gone, so the new cluster begins like a restored
 * one (snapshot-restore.ts): clients and members of the old one cannot take it for the same.
 *
 * The new state is built beside the old data and then put in its place by renames that the next start finishes when
 * they are interrupted. The old data is kept, in `before-recovery-N`.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { idOf, type InitialCluster } from './cluster.ts';
import type { HostLog } from './host-options.ts';
import { claimRestored, readIdentity } from './identity.ts';
import { folderLevels } from './levels.ts';
import { recover } from './recover.ts';
import type { SnapshotRecord } from './snapshot-file.ts';
import { defaultBump, makeNewCluster } from './snapshot-restore.ts';
import { syncFolder } from './snapshot-verbs.ts';
import { StateBuilder } from './state-builder.ts';
import { StateDisk } from './state-disk.ts';
import { StateMachine } from './state-machine.ts';
import { replay } from './wal.ts';
import { WalFiles } from './wal-files.ts';

/** Being built; of no use after an interruption. */
const building = 'recovery.part';
/** Built: from when it has this name on, it is what counts. */
const built = 'recovery';
const kept = /^before-recovery-\d+$/;
const segmentBytes = 8 * 1024 * 1024;

/**
 * Makes a new cluster of one member out of a data directory; does nothing when that is what it holds. `flagged` is
 * what the flags say, of which name and URL of this member count.
 */
export async function forceNewCluster(dataDir: string, flagged: InitialCluster, log: HostLog): Promise<void> {
  const before = readIdentity(dataDir, flagged, { joins: true, witness: false });
  if (before === undefined)
    throw new Error(
      `data directory ${dataDir} holds no member; --force-new-cluster needs the data of one that survived`,
    );
  const work = join(dataDir, building);
  rmSync(work, { recursive: true, force: true });
  // Fails when another process uses it; nothing else may change it now.
  await (await folderLevels(dataDir).open('state')).close();
  mkdirSync(join(work, 'old'), { recursive: true, mode: 0o700 });
  try {
    for (const name of ['state', 'state.incoming', 'state.old', 'wal'])
      if (existsSync(join(dataDir, name)))
        cpSync(join(dataDir, name), join(work, 'old', name), { recursive: true });
    const survivor = await bringForward(join(work, 'old'), before);
    try {
      const { voters, learners } = survivor.machine.configuration;
      if (voters.length === 1 && voters[0] === before.self.id && learners.length === 0) {
        log.info({ dataDir }, 'is a cluster of one member already: --force-new-cluster changed nothing');
        return;
      }
      const cluster = newIdentity(before, flagged, survivor.machine.appliedIndex);
      await buildNew(survivor.disk, join(work, 'new'), cluster);
      log.warn(
        {
          from: before.id,
          to: cluster.id,
          entries: survivor.machine.appliedIndex,
          lost: survivor.machine.members.size - 1,
        },
        'made a new cluster of what this member had',
      );
    } finally {
      await survivor.disk.close();
    }
    rmSync(join(work, 'old'), { recursive: true });
    renameSync(join(work, 'new'), join(dataDir, built));
    syncFolder(dataDir);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  finishRecovery(dataDir);
}

/** Ids that follow from the old ones and from how far they got, so that doing it twice gives two clusters. */
function newIdentity(before: InitialCluster, flagged: InitialCluster, applied: number): InitialCluster {
  const { name, peerUrls } = flagged.self;
  const id = idOf([before.self.id, before.id, String(applied), ...peerUrls]);
  const self = { id, name, peerUrls };
  return { id: idOf([before.id, id]), self, members: [self] };
}

async function bringForward(
  folder: string,
  identity: InitialCluster,
): Promise<{ readonly disk: StateDisk; readonly machine: StateMachine }> {
  const disk = new StateDisk(folder);
  await disk.open();
  try {
    const files = new WalFiles({ folder: join(folder, 'wal'), segmentBytes });
    const content = replay(files.open());
    files.close();
    const machine = new StateMachine({
      disk,
      cluster: identity.id,
      members: identity.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
      configuration: { voters: identity.members.map(({ id }) => id), learners: [] },
      onResult: () => undefined,
      onRevisions: () => undefined,
      onCompacted: () => undefined,
      onMembership: () => undefined,
      onLease: () => undefined,
    });
    const meta = await disk.settle(content.snapshot?.index ?? 0);
    await machine.load(meta);
    const { log } = recover(content, meta, machine.configuration);
    const last = log.lastIndex();
    while (machine.appliedIndex < last) {
      for (const entry of log.entries(machine.appliedIndex + 1, last + 1, 1024 * 1024)) machine.apply(entry);
      await machine.flush(machine.appliedIndex);
    }
    return { disk, machine };
  } catch (error) {
    await disk.close();
    throw error;
  }
}

async function buildNew(from: StateDisk, folder: string, cluster: InitialCluster): Promise<void> {
  const levels = folderLevels(folder);
  const builder = new StateBuilder(() => levels.open('state'));
  async function* records(): AsyncGenerator<SnapshotRecord> {
    const view = await from.view();
    try {
      for await (const chunk of view.chunks()) yield* chunk;
    } finally {
      await view.close();
    }
  }
  const view = await from.view();
  await view.close();
  await makeNewCluster(view.meta, records, builder, {
    cluster: cluster.id,
    members: cluster.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls, clientUrls: [] })),
    bumpRevision: defaultBump,
  });
  await builder.finish();
  claimRestored(folder, cluster);
  syncFolder(folder);
}

/** Puts a recovered state in place, if one is complete. Called at every start: the last one may have been cut short. */
export function finishRecovery(dataDir: string): void {
  const source = join(dataDir, built);
  if (!existsSync(source)) return;
  const identity = join(source, 'member.json');
  if (existsSync(identity)) {
    const aside = join(dataDir, keepUnder(dataDir));
    const stateIsNew = !existsSync(join(source, 'state'));
    for (const name of readdirSync(dataDir)) {
      if (name === built || kept.test(name) || (name === 'state' && stateIsNew)) continue;
      mkdirSync(aside, { recursive: true, mode: 0o700 });
      renameSync(join(dataDir, name), join(aside, name));
    }
    if (!stateIsNew) renameSync(join(source, 'state'), join(dataDir, 'state'));
    syncFolder(dataDir);
    // Last: with it, the directory belongs to the new member.
    renameSync(identity, join(dataDir, 'member.json'));
    syncFolder(dataDir);
  }
  rmdirSync(source);
}

/** A name for what is moved aside: the newest one, when it was begun by the same recovery. */
function keepUnder(dataDir: string): string {
  const numbers = readdirSync(dataDir)
    .filter((name) => kept.test(name))
    .map((name) => Number(name.slice('before-recovery-'.length)));
  return `before-recovery-${Math.max(0, ...numbers) + 1}`;
}
