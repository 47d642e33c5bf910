/**
 * JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) as the API server accepts them. Neither looks at a schema.
 */
import { jsonKind } from '../decode/go-names.ts';
import { PatchDocument, settled } from './patch-document.ts';
import { OperationError, PatchError } from './patch-error.ts';
import { isObject, type JsonObject, type JsonValue, setKey } from './structure.ts';

/** Upstream's bound on the operations of one JSON patch. */
const maxJsonPatchOperations = 10_000;
/** Upstream's bound on what all copies of one patch add together: each may double the object. */
const maxCopiedBytes = 3 * 1024 * 1024;

/** Upstream says no more about an operation that cannot be carried out. */
const rejected = 'the server rejected our request due to an error in our request';

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
    result = applyOperations(copied(original), patch as Operation[]);
  } catch (error) {
    throw new PatchError(422, rejected, { cause: error });
  }
  if (!isObject(result)) throw new PatchError(422, rejected);
  return result;
}

/** As far as it is known what an operation is: parts that are there are texts, but for the value. */
interface Operation {
  readonly op?: string | null;
  readonly path?: string | null;
  readonly from?: string | null;
  readonly value?: JsonValue;
}

function applyOperations(tree: JsonValue, operations: readonly (Operation | null)[]): JsonValue {
  if (operations.some(movesIntoItself)) throw new Error('what is moved cannot be moved into itself');
  const document = new PatchDocument(tree);
  let copiedBytes = 0;
  for (const operation of operations) {
    if (operation?.op === 'copy') {
      const value = inPlace(operation, () => plainAt(document, counted(document, operation.from, 0)));
      copiedBytes += JSON.stringify(value).length;
      if (copiedBytes > maxCopiedBytes)
        throw new Error(
          `Unable to complete the copy, the accumulated size increase of copy is ${copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
        );
      inPlace(operation, () => document.add(counted(document, operation.path, 1), copied(value)));
    } else inPlace(operation ?? {}, () => carryOut(document, operation ?? {}));
  }
  return document.tree();
}

/** Throws an `OperationError` for whatever is thrown. */
function inPlace<T>(operation: Operation, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof OperationError ? error : new OperationError(operation, 'place', { cause: error });
  }
}

/** Anything but a copy. */
function carryOut(document: PatchDocument, operation: Operation): void {
  const { op, path, from, value = null } = operation;
  switch (op) {
    case 'add':
      // A patch that is applied again must not find what it made of its values.
      document.add(counted(document, path, 1), copied(value));
      break;
    case 'remove':
      document.remove(counted(document, path, 0));
      break;
    case 'replace': {
      const place = counted(document, path, 0);
      // Upstream replaces a member that an object does not have by adding it, where RFC 6902 has an error.
      if (isMissingMember(document, place)) document.add(place, copied(value));
      else document.replace(place, copied(value));
      break;
    }
    case 'move': {
      const moved = document.remove(counted(document, from, 0));
      document.add(counted(document, path, 1), moved);
      break;
    }
    case 'test':
      if (!document.holds(counted(document, path, 0), value)) throw new OperationError(operation, 'test');
      break;
    default:
      throw new OperationError(operation, 'unknown');
  }
}

const negativeIndex = /\/-\d+(?:\/|$)/;

/**
 * A pointer in which negative indexes, which upstream counts from the end of a list, are those from its start. Throws where
 * there is no pointer.
 */
function counted(document: PatchDocument, pointer: string | null | undefined, longer: number): string {
  if (typeof pointer !== 'string') throw new Error('an operation says no place');
  if (!negativeIndex.test(pointer)) return pointer;
  const steps = pointer.split('/');
  for (const [i, step] of steps.entries()) {
    if (!/^-\d+$/.test(step)) continue;
    const length = document.lengthAt(steps.slice(0, i).join('/'));
    if (length !== undefined)
      steps[i] = String(length + Number(step) + (i === steps.length - 1 ? longer : 0));
  }
  return steps.join('/');
}

/** RFC 6902, 4.4: nothing can be moved below itself, which would be a circle. */
function movesIntoItself(operation: Operation | null): boolean {
  const { op, from, path } = operation ?? {};
  return op === 'move' && typeof from === 'string' && typeof path === 'string' && path.startsWith(`${from}/`);
}

/** Whether a pointer leads to what an object could have, and has not. */
function isMissingMember(document: PatchDocument, pointer: string): boolean {
  const slash = pointer.lastIndexOf('/');
  if (slash < 0 || document.at(pointer) !== undefined) return false;
  return document.isObjectAt(pointer.slice(0, slash));
}

/** What is at a pointer; null for what an object does not have, as upstream copies it. */
function plainAt(document: PatchDocument, pointer: string): JsonValue {
  const node = document.at(pointer);
  if (node !== undefined) return settled(node);
  if (isMissingMember(document, pointer)) return null;
  throw new Error(`there is nothing at ${pointer}`);
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

/** A tree of its own. Exact integers, which nothing can copy, never change. */
function copied(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(copied);
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [name, item] of Object.entries(value)) setKey(result, name, copied(item));
  return result;
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
