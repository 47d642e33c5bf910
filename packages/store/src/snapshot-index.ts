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
  type StoreAccess,
} from './snapshot-verbs.ts';
