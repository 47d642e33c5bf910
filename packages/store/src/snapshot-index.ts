/** What the command line needs of snapshots: `@timonier/store/snapshot`. */
export { defaultBump } from './snapshot-restore.ts';
export {
  defaultDataDir,
  type Restored,
  type RestoreOptions,
  restoreSnapshot,
  saveSnapshot,
  type SnapshotStatus,
  snapshotStatus,
} from './snapshot-verbs.ts';
export type { StoreAccess } from './store-access.ts';
