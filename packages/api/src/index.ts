/**
 * The Kubernetes object model as data: a table of kinds, and generic code over it. Pure; no clock, no sockets.
 */
export type * from './generated/types.ts';
export type { ResourceType } from './resource-type.ts';
export * as resources from './resources.ts';
