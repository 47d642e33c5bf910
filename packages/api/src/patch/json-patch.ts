/**
 * JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) as the API server accepts them. Neither looks at a schema.
 */
import fastJsonPatch, { type Operation, type ReplaceOperation } from 'fast-json-patch';
import { jsonKind } from '../decode/go-names.ts';
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
    throw new PatchError(400, notDecodable(patch, 'Go value of type []handlers.jsonPatchOp'));
  for (const operation of patch as unknown[]) checkOperation(operation);
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
  if (!operations.some(isOwnWay))
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
    const done = asUpstream(result, operation);
    result = fastJsonPatch.applyOperation(result, done, true, true, true, index).newDocument;
  }
  return result;
}

const negativeIndex = /\/-\d+(?:\/|$)/;

/** Whether upstream may do with an operation what RFC 6902 does not. */
function isOwnWay(operation: Operation): boolean {
  if (operation?.op === 'copy' || operation?.op === 'replace') return true;
  return [operation?.path, (operation as { from?: unknown })?.from].some(
    (pointer) => typeof pointer === 'string' && negativeIndex.test(pointer),
  );
}

/** The operation of RFC 6902 that does what upstream does for this one. */
function asUpstream(document: unknown, given: Operation): Operation {
  if (typeof given?.path !== 'string') return given;
  const operation = { ...given, path: counted(document, given.path, given.op === 'add' ? 1 : 0) };
  if ((operation.op === 'copy' || operation.op === 'move') && typeof operation.from === 'string')
    operation.from = counted(document, operation.from, 0);
  if (addsMember(document, operation)) return { ...operation, op: 'add' };
  // What an object does not have is null.
  return operation.op === 'copy' && isMissingMember(document, operation.from)
    ? { op: 'add', path: operation.path, value: null }
    : operation;
}

/** A pointer in which negative indexes, which count from the end of a list, are those from its start. */
function counted(document: unknown, pointer: string, longer: number): string {
  if (!negativeIndex.test(pointer)) return pointer;
  const steps = pointer.split('/');
  for (const [i, step] of steps.entries()) {
    if (!/^-\d+$/.test(step)) continue;
    const list = valueAt(document, steps.slice(0, i).join('/'));
    if (Array.isArray(list))
      steps[i] = String(list.length + Number(step) + (i === steps.length - 1 ? longer : 0));
  }
  return steps.join('/');
}

/** RFC 6902, 4.4: nothing can be moved below itself, which would be a circle. */
function movesIntoItself(operation: Operation): boolean {
  if (operation?.op !== 'move') return false;
  const { from, path }: { readonly from?: unknown; readonly path?: unknown } = operation;
  return typeof from === 'string' && typeof path === 'string' && path.startsWith(`${from}/`);
}

/** Upstream replaces a member that an object does not have by adding it, where RFC 6902 has an error. */
function addsMember(document: unknown, operation: Operation): operation is ReplaceOperation<unknown> {
  return operation.op === 'replace' && isMissingMember(document, operation.path);
}

/** Whether a pointer leads to what an object could have, and has not. */
function isMissingMember(document: unknown, pointer: unknown): boolean {
  if (typeof pointer !== 'string') return false;
  const slash = pointer.lastIndexOf('/');
  if (slash < 0) return false;
  const name = pointer
    .slice(slash + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  const parent = valueAt(document, pointer.slice(0, slash));
  return isObject(parent) && !Object.hasOwn(parent, name);
}

/** Undefined where nothing is. */
function valueAt(document: unknown, pointer: string): unknown {
  try {
    return fastJsonPatch.getValueByPointer(document, pointer) as unknown;
  } catch {
    return undefined;
  }
}

/** Throws when an operation is none, or a part of it is no text. */
function checkOperation(operation: unknown): void {
  if (operation === null) return;
  if (!isObject(operation))
    throw new PatchError(400, notDecodable(operation, 'Go value of type handlers.jsonPatchOp'));
  for (const part of ['op', 'from', 'path'])
    if (Object.hasOwn(operation, part) && operation[part] !== null && typeof operation[part] !== 'string')
      throw new PatchError(
        400,
        notDecodable(operation[part], `Go struct field jsonPatchOp.${part} of type string`),
      );
}

function notDecodable(value: unknown, into: string): string {
  return `error decoding patch: json: cannot unmarshal ${jsonKind(value)} into ${into}`;
}

/** Bytes of what stands at a pointer; 0 when nothing does, which the operation itself will say. */
function sizeAt(document: unknown, pointer: string): number {
  return JSON.stringify(valueAt(document, pointer))?.length ?? 0;
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
  return `json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`;
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
