/**
 * The Kubernetes object model as data: a table of kinds, and generic code over it. Pure; no clock, no sockets.
 */
export type * from './generated/types.ts';
export type { ResourceType } from './resource-type.ts';
export * as resources from './resources.ts';
export { messageNames, messageSchema } from './schema.ts';
export type { ScalarType, Schema, SchemaKind, WireForm } from './schema.ts';
export { apiVersionOf, createRegistry, Registry, registry, splitApiVersion, storageKey } from './registry.ts';
export type { ColumnDefinition, GroupInfo, ResourceInfo, Subresource } from './registry.ts';
export * from './patch/index.ts';
