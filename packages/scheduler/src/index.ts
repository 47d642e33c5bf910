export { ClusterState } from './cluster-state.ts';
export { type Placement, place, type SearchState, unschedulableMessage } from './pipeline.ts';
export { readConfiguration } from './configuration.ts';
export type { Cycle, Plugin, Rejection } from './plugins/plugin.ts';
export { defaultProfile, loadProfile, type Profile, type ProfileData } from './profile.ts';
export { startScheduler, type StartContext } from './start.ts';
