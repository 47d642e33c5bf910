/**
 * JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) as the API server accepts them. Neither looks at a schema.
 */
import fastJsonPatch, { type Operation, type ReplaceOperation } from 'fast-json-patch';
import { PatchError } from './patch-error.ts';
import { isObject, type JsonObject, type JsonValue, setKey } from './structure.ts';

/** Upstream's bound on the operations of one JSON patch. */
const maxJsonPatchOperations = 10_000;
/** Upstream's bound on what all copies of one patch add together: each may double the object. */
const maxCopiedBytes = 3 * 1024 * 1024;

/** Upstream says no more about an operation that cannot be carried out. */
const rejected = 'the server rejected our request due to an error in our request';

/** What is to be written and is not said is null. */
function withValue(operation: Operation): Operation {
  const needsValue = operation?.op === 'add' || operation?.op === 'replace' || operation?.op === 'test';
  return needsValue && operation.value === undefined ? { ...operation, value: null } : operation;
}

/** Applies a JSON patch; the original is left as it was. */
export function applyJsonPatch(original: JsonObject, patch: unknown): JsonObject {
  if (patch === null) return original;
  if (!Array.isArray(patch))
    throw new PatchError(
      400,
      `error decoding patch: json: cannot unmarshal ${jsonWord(patch)} into Go value of type []handlers.jsonPatchOp`,
    );
  if (patch.length > maxJsonPatchOperations) {
    throw new PatchError(
      413,
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`,
    );
  }
  let result: unknown;
  try {
    result = applyOperations(structuredClone(original), (patch as Operation[]).map(withValue));
  } catch (error) {
    throw new PatchError(422, rejected, { cause: error });
  }
  if (!isObject(result)) throw new PatchError(422, rejected);
  return result;
}

/** Validation also bans the keys that would reach a prototype. */
function applyOperations(document: unknown, operations: readonly Operation[]): unknown {
  if (operations.some(movesIntoItself)) throw new Error('what is moved cannot be moved into itself');
  if (!operations.some((operation) => operation?.op === 'copy' || operation?.op === 'replace'))
    return fastJsonPatch.applyPatch(document, operations, true, true).newDocument;
  let result = document;
  let copied = 0;
  for (const [index, operation] of operations.entries()) {
    if (operation?.op === 'copy' && typeof operation.from === 'string') {
      copied += sizeAt(result, operation.from);
      if (copied > maxCopiedBytes)
        throw new Error(
          `Unable to complete the copy, the accumulated size increase of copy is ${copied}, exceeding the limit ${maxCopiedBytes}`,
        );
    }
    const done = addsMember(result, operation) ? { ...operation, op: 'add' as const } : operation;
    result = fastJsonPatch.applyOperation(result, done, true, true, true, index).newDocument;
  }
  return result;
}

/** RFC 6902, 4.4: nothing can be moved below itself, which would be a circle. */
function movesIntoItself(operation: Operation): boolean {
  if (operation?.op !== 'move') return false;
  const { from, path }: { readonly from?: unknown; readonly path?: unknown } = operation;
  return typeof from === 'string' && typeof path === 'string' && path.startsWith(`${from}/`);
}

/** Upstream replaces a member that an object does not have by adding it, where RFC 6902 has an error. */
function addsMember(document: unknown, operation: Operation): operation is ReplaceOperation<unknown> {
  if (operation?.op !== 'replace' || typeof operation.path !== 'string') return false;
  const slash = operation.path.lastIndexOf('/');
  if (slash < 0) return false;
  const name = operation.path
    .slice(slash + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  try {
    const parent: unknown = fastJsonPatch.getValueByPointer(document, operation.path.slice(0, slash));
    return isObject(parent) && !Object.hasOwn(parent, name);
  } catch {
    return false;
  }
}

/** Bytes of what stands at a pointer; 0 when nothing does, which the operation itself will say. */
function sizeAt(document: unknown, pointer: string): number {
  try {
    return JSON.stringify(fastJsonPatch.getValueByPointer(document, pointer))?.length ?? 0;
  } catch {
    return 0;
  }
}

/** Applies a merge patch; the original is left as it was. */
export function applyMergePatch(original: JsonObject, patch: unknown): JsonObject {
  if (!isObject(patch))
    throw new PatchError(
      400,
      patch === null ? 'Invalid JSON Patch' : `error decoding patch: ${notMap(patch)}`,
    );
  return mergeValue(original, patch) as JsonObject;
}

/** Go's word for a patch that is no object. */
export function notMap(patch: unknown): string {
  return `json: cannot unmarshal ${jsonWord(patch)} into Go value of type map[string]interface {}`;
}

function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function mergeValue(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setKey(result, key, mergeValue(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}
