export { command } from './command.ts';
export type { KvShape } from './services/kv.ts';
export type { LeaseShape } from './services/lease.ts';
export type { LeadershipShape } from './services/leadership.ts';
export type { WatchShape } from './services/watch.ts';
export { Member } from './member.ts';
export type { MemberOptions } from './member-options.ts';
export { startStore, type StoreOptions } from './server.ts';
