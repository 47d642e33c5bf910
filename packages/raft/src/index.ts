/** Raft as a pure state machine. README.md teaches it; types.ts states the contract of a host. */
export type * from './types.ts';
export type * from './messages.ts';
export { MemoryLog } from './log.ts';
export { decodeConfiguration, encodeConfiguration } from './membership.ts';
export { RaftNode } from './node.ts';
