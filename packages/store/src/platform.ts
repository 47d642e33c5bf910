/**
 * Where a member's time, disks and network come from. The machine's are the default; the simulator brings its own, of
 * many members in one thread, and with them decides everything that happens.
 */
import { join } from 'node:path';
import type { Effects } from '@timonier/raft';
import { type Clock, systemClock } from './clock.ts';
import type { InitialCluster } from './cluster.ts';
import { claimDataDir } from './identity.ts';
import type { Pipeline } from './host-options.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { folderLevels, type Levels } from './levels.ts';
import { folderDisk, type LogDisk } from './log-disk.ts';
import { type StartLogThread, startLogWorker } from './log-thread.ts';
import type { Network } from './network.ts';
import { folderPromises, type PromiseRecord } from './promise-file.ts';
import type { SyncPlace } from './sync-place.ts';
import { Transport } from './transport.ts';
import type { TransportOptions } from './transport-options.ts';
import type { VersionRange } from './versions/entry-versions.ts';

/** The data directory of one member. */
export interface Storage {
  /** Throws when the directory is another member's. */
  claim(cluster: InitialCluster, witness?: boolean): void;
  readonly levels: Levels;
  readonly log: {
    readonly disk: LogDisk;
    readonly startThread: StartLogThread;
    readonly segmentBytes?: number;
    /** What is known of the disk's speed. */
    readonly place?: SyncPlace;
  };
  readonly promises: PromiseRecord;
}

export interface Platform {
  readonly clock: Clock;
  storage(dataDir: string): Storage;
  network(options: TransportOptions): Network;
  readonly bugs: KnownBugs;
  /** Other than etcd's five minutes between checkpoints of a lease. */
  readonly leaseCheckpointMs?: number;
  /** What the member speaks when it stands for another release of itself; see versions/entry-versions.ts. */
  readonly versions?: VersionRange;
  /** Narrow ones make a group take many small steps. */
  readonly pipeline?: Pipeline;
  /** Sees every step of the consensus core; see `HostOptions`. */
  readonly observe?: (effects: Effects) => void;
}

export const machine: Platform = {
  clock: systemClock,
  storage: (dataDir) => ({
    claim: (cluster, witness) => claimDataDir(dataDir, cluster, witness),
    levels: folderLevels(dataDir),
    log: { disk: folderDisk(join(dataDir, 'wal')), startThread: startLogWorker },
    promises: folderPromises(dataDir),
  }),
  network: (options) => new Transport(options),
  bugs: noBugs,
};
