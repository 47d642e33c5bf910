/**
 * Strategic merge patch: a merge patch in which lists of a type with a merge key merge item by item, steered by
 * directives (`$patch`, `$retainKeys`, `$setElementOrder/FIELD`, `$deleteFromPrimitiveList/FIELD`).
 *
 * Source: the Kubernetes API conventions on strategic merge patch. Invariants: the original is never changed; null
 * deletes; no directive is left in the result.
 */
import { shownAsMap } from './map-text.ts';
import { notMap } from './json-patch.ts';
import { PatchError } from './patch-error.ts';
import { inOrder, KeyedList, keyOf, mergePrimitives, withoutItems } from './strategic-lists.ts';
import {
  isObject,
  jsonEqual,
  type JsonObject,
  type JsonValue,
  member,
  setKey,
  type Structure,
} from './structure.ts';

const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

export function applyStrategicMergePatch(
  original: JsonObject,
  patch: unknown,
  structure: Structure | undefined,
): JsonObject {
  if (patch === null) return original;
  if (!isObject(patch)) throw new PatchError(400, notMap(patch));
  return mergeObject(original, patch, structure);
}

function mergeObject(original: JsonObject, patch: JsonObject, structure: Structure | undefined): JsonObject {
  const directive = patch[patchDirective];
  if (directive === 'replace') return withoutDirectives(patch) as JsonObject;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw new PatchError(400, `unknown patch type: ${shownAsMap(directive)} in map: ${shownAsMap(patch)}`);
  }
  const result: JsonObject = { ...original };
  retainKeys(result, patch);

  for (const [key, value] of Object.entries(patch)) {
    if (key === patchDirective || key === retainKeysDirective || key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) {
      deleteFromPrimitiveList(result, key.slice(deletePrefix.length), value);
      continue;
    }
    if (value === null) {
      delete result[key];
      continue;
    }
    const order = patch[orderPrefix + key];
    setKey(
      result,
      key,
      mergeField(
        Object.hasOwn(result, key) ? result[key] : undefined,
        value,
        member(structure, key),
        key,
        order,
      ),
    );
  }
  for (const key of Object.keys(patch)) {
    // An order alone, without items to merge, still sorts the list.
    if (!key.startsWith(orderPrefix)) continue;
    const name = key.slice(orderPrefix.length);
    const list = result[name];
    if (!Array.isArray(list) || Object.hasOwn(patch, name)) continue;
    setKey(
      result,
      name,
      inOrder(list, list, listOf(patch[key], key), member(structure, name)?.patchMergeKey),
    );
  }
  return result;
}

function mergeField(
  original: JsonValue | undefined,
  patch: JsonValue,
  structure: Structure | undefined,
  name: string,
  order: JsonValue | undefined,
): JsonValue {
  if (isObject(patch)) {
    const replaces = structure?.patchStrategy?.includes('replace') === true;
    return mergeObject(isObject(original) && !replaces ? original : {}, patch, structure);
  }
  if (!Array.isArray(patch)) return patch;
  if (structure?.patchStrategy?.includes('merge') !== true) return withoutDirectives(patch);
  const originalList = Array.isArray(original) ? original : [];
  const merged =
    structure.patchMergeKey === undefined
      ? mergePrimitives(originalList, patch)
      : mergeByKey(originalList, patch, structure.patchMergeKey, structure.items, name);
  const wanted = order === undefined ? patch : listOf(order, orderPrefix + name);
  if (order !== undefined) checkOrder(patch, wanted, structure.patchMergeKey);
  return inOrder(merged, originalList, wanted, structure.patchMergeKey);
}

/** What a patch sets must stand in the order that it gives. Throws 400. */
function checkOrder(
  patch: readonly JsonValue[],
  order: readonly JsonValue[],
  mergeKey: string | undefined,
): void {
  const set = patch.filter((item) => !isObject(item) || item[patchDirective] !== 'delete');
  let next = 0;
  for (const item of order)
    if (next < set.length && jsonEqual(keyOf(set[next] ?? null, mergeKey), keyOf(item, mergeKey))) next++;
  if (next < set.length)
    throw new PatchError(
      400,
      `The order in patch list:\n${shownAsMap([...patch])}\n doesn't match ${orderPrefix.slice(0, -1)} list:\n${shownAsMap([...order])}\n`,
    );
}

/** `$retainKeys` lists every key that may stay, which clears the other members of a union. */
function retainKeys(result: JsonObject, patch: JsonObject): void {
  const retained = patch[retainKeysDirective];
  if (retained === undefined) return;
  const keys = new Set(listOf(retained, retainKeysDirective));
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !keys.has(key)) {
      throw new PatchError(400, `${retainKeysDirective} does not list ${key}, which the patch sets`);
    }
  }
  for (const key of Object.keys(result)) if (!keys.has(key)) delete result[key];
}

function deleteFromPrimitiveList(result: JsonObject, name: string, values: JsonValue): void {
  const list = Object.hasOwn(result, name) ? result[name] : undefined;
  if (!Array.isArray(list)) return;
  setKey(result, name, withoutItems(list, listOf(values, deletePrefix + name)));
}

function mergeByKey(
  original: readonly JsonValue[],
  patch: readonly JsonValue[],
  mergeKey: string,
  items: Structure | undefined,
  name: string,
): JsonValue[] {
  const replaceAll = patch.some(
    (item) => isObject(item) && item[patchDirective] === 'replace' && item[mergeKey] === undefined,
  );
  const merged = new KeyedList(replaceAll ? [] : original, mergeKey);
  for (const item of patch) {
    if (!isObject(item)) {
      throw new PatchError(
        400,
        `items of ${name} merge by "${mergeKey}" and must be objects, not ${JSON.stringify(item)}`,
      );
    }
    const key = item[mergeKey];
    if (key === undefined) {
      if (item[patchDirective] === 'replace' && replaceAll) continue;
      throw new PatchError(400, `map: ${shownAsMap(item)} does not contain declared merge key: ${mergeKey}`);
    }
    if (item[patchDirective] === 'delete') merged.delete(key);
    else merged.set(key, mergeObject(merged.get(key) ?? {}, item, items));
  }
  return merged.items();
}

function listOf(value: JsonValue | undefined, name: string): JsonValue[] {
  if (!Array.isArray(value)) throw new PatchError(400, `${name} must be a list`);
  return value;
}

/** A value that stands for itself: directives are taken out, nulls mean absence. */
function withoutDirectives(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value
      .filter(
        (item) => !(isObject(item) && item[patchDirective] !== undefined && Object.keys(item).length === 1),
      )
      .map(withoutDirectives);
  }
  if (!isObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, field] of Object.entries(value)) {
    if (
      key === patchDirective ||
      key === retainKeysDirective ||
      key.startsWith(orderPrefix) ||
      key.startsWith(deletePrefix) ||
      field === null
    )
      continue;
    setKey(result, key, withoutDirectives(field));
  }
  return result;
}
