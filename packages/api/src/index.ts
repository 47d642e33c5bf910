/**
 * The Kubernetes object model as data: a table of kinds, and generic code over it. Pure; no clock, no sockets.
 */
export type * from './generated/types.ts';
export type { ResourceType } from './resource-type.ts';
export * as resources from './resources.ts';
export { messageNames, messageSchema } from './schema.ts';
export type { ScalarType, Schema, SchemaKind, WireForm } from './schema.ts';
export {
  apiVersionOf,
  compareVersions,
  createRegistry,
  Registry,
  registry,
  splitApiVersion,
  storageKey,
} from './registry.ts';
export type { ColumnDefinition, GroupInfo, RegistryChange, ResourceInfo, Subresource } from './registry.ts';
export type { CustomKind, ScalePaths } from './custom.ts';
export * from './patch/index.ts';
export * as statuses from './statuses.ts';
export { StatusError } from './statuses.ts';
export { isBigInteger, JsonError, MAX_DEPTH, parseJson, setOwn } from './json.ts';
export type { Parsed } from './json.ts';
export {
  DecodeError,
  decodeAs,
  decodeStrict,
  normalize,
  NotDecodable,
  strictDecodingError,
} from './decode.ts';
export type { ApiObject, Decoded } from './object.ts';
export {
  decodeProtobuf,
  encodeProtobuf,
  encodeProtobufWatchEvent,
  ProtobufError,
  schemaOfKind,
} from './protobuf.ts';
export type { DecodedProtobuf } from './protobuf.ts';
export {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
  quantityMilli,
  quantityValue,
  subtractQuantities,
} from './quantity.ts';
export type { Quantity } from './quantity.ts';
export { isPercent, scaledIntOrPercent } from './int-or-string.ts';
export {
  formatDuration,
  formatMicroTime,
  formatTime,
  humanDuration,
  parseDuration,
  parseTime,
} from './time.ts';
export {
  formatLabelSelector,
  matchesLabels,
  parseLabelSelector,
  requirementsOf,
  SelectorError,
  selectorMatches,
} from './label-selector.ts';
export type { LabelRequirement } from './label-selector.ts';
export { checkFieldSelector, fieldValue, matchesFields, parseFieldSelector } from './field-selector.ts';
export type { FieldRequirement } from './field-selector.ts';
export {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  servedGroupVersions,
} from './discovery.ts';
export type { GroupDiscovery, GroupDiscoveryList, GroupVersion, Served } from './discovery.ts';
export { partialMetadata, toTable } from './table.ts';
export type { IncludeObject, Table, TableOptions, TableRow } from './table.ts';
export { applyDefaults } from './defaults.ts';
export {
  errorBody,
  fieldErrors,
  formatFieldError,
  invalidStatus,
  validate,
  validateBody,
} from './validation.ts';
export type { FieldError, FieldErrorType } from './validation.ts';
export { nameCheck } from './validation/metadata.ts';
export * as names from './names.ts';
export { openapiHash, openapiV2, openapiV3, openapiV3Index, openapiV3Path } from './openapi.ts';
export type { OpenApiOptions, OpenApiTexts } from './openapi.ts';
export { fromStored, isStoredShape, toStored } from './conversion.ts';
