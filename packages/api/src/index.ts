/**
 * The Kubernetes object model as data: a table of kinds, and generic code over it. Pure; no clock, no sockets.
 */
export type * from './generated/types.ts';
export * as resources from './resources.ts';
export { messageSchema } from './schema.ts';
export type { Schema, SchemaKind } from './schema.ts';
export { apiVersionOf, createRegistry, Registry, registry, storageKey } from './registry.ts';
export type { ColumnDefinition, ResourceInfo, Subresource } from './registry.ts';
export type { CustomKind, ScalePaths } from './custom.ts';
export * from './patch/index.ts';
export * as statuses from './statuses.ts';
export { StatusError } from './statuses.ts';
export { parseJson } from './json.ts';
export type { ApiObject } from './object.ts';
export { decodeProtobuf, encodeProtobuf } from './protobuf.ts';
export { quantityMilli, quantityValue } from './quantity.ts';
export { scaledIntOrPercent } from './int-or-string.ts';
export { parseLabelSelector, selectorMatches } from './label-selector.ts';
export { parseFieldSelector } from './field-selector.ts';
export { matchesNodeTerm, matchesRequiredNode, toleratesTaint } from './node-selection.ts';
export type { GroupVersion } from './discovery.ts';
export { applyDefaults } from './defaults.ts';
export { fieldErrors, formatFieldError, invalidStatus } from './validation.ts';
export type { FieldError, FieldErrorType } from './validation.ts';
export * as names from './names.ts';
export { openapiV3 } from './openapi.ts';
export { fromStored, isStoredShape, statusAnnotations, toStored } from './conversion.ts';
