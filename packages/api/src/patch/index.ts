export { fieldSetOf, FieldSet, type FieldPath } from './field-set.ts';
export { applyJsonPatch, applyMergePatch } from './json-patch.ts';
export {
  applyConfiguration,
  ApplyConflictError,
  type FieldConflict,
  type ManagementContext,
  trackUpdate,
} from './managed-fields.ts';
export { equalButForManagement, type VersionedChange } from './seen-changes.ts';
export { entriesFromScale, type ReplicasField, scaleEntries } from './scale-ownership.ts';
export { applyWithHistory } from './last-applied.ts';
export { mergeApplied } from './merge-applied.ts';
export { wholeReplacements } from './structured-merge.ts';
export { PatchError } from './patch-error.ts';
export { applyStrategicMergePatch } from './strategic-merge.ts';
export type { JsonObject, JsonValue, Structure } from './structure.ts';
