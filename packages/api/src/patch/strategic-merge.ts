/**
 * Strategic merge patch: a merge patch in which lists of a type with a merge key merge item by item, steered by
 * directives (`$patch`, `$retainKeys`, `$setElementOrder/FIELD`, `$deleteFromPrimitiveList/FIELD`).
 *
 * Source: the Kubernetes API conventions on strategic merge patch, and what upstream makes of directives where they mean
 * nothing: in what is taken as it comes they are fields like others, which the type does not know. Invariants: the
 * original is never changed; null deletes.
 */
import { goTypeOf, shownAsMap } from './map-text.ts';
import { notMap } from './json-patch.ts';
import { PatchError } from './patch-error.ts';
import {
  checkOrder,
  commonType,
  inOrder,
  KeyedList,
  mergePrimitives,
  withoutItems,
} from './strategic-lists.ts';
import { isObject, type JsonObject, type JsonValue, member, setKey, type Structure } from './structure.ts';

const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';
const orderPrefix = '$setElementOrder';
const deletePrefix = '$deleteFromPrimitiveList';
/**
 * Each item of a patch that has the key of one before goes through what that one has become. So many times as much as a list and what
 * is merged into it have may be gone through in that way.
 */
const mostRepeated = 8;

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
  const { [patchDirective]: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  if (directive !== undefined) throw badDirective(directive, patch);
  const result: JsonObject = { ...original };
  retainKeys(result, patch);
  const ordered = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    const name = fieldOnce(ordered, key, 'invalid patch format of setElementOrder list');
    mergeOrdered(result, patch, name, order, structure);
  }
  const lessened = new Set<string>();
  for (const [key, value] of Object.entries(patch)) {
    if (key === retainKeysDirective || key.startsWith(orderPrefix) || ordered.has(key)) continue;
    const isDeletion = key.startsWith(deletePrefix);
    const name = isDeletion ? fieldOnce(lessened, key, 'invalid patch format of primitive list') : key;
    mergeMember(result, name, value, member(structure, name), isDeletion);
  }
  return result;
}

function badDirective(directive: JsonValue, patch: JsonObject): PatchError {
  return new PatchError(400, `unknown patch type: ${shownAsMap(directive)} in map: ${shownAsMap(patch)}`);
}

/**
 * What comes behind the slash of a directive. One field has one: whatever stands before the slash is the same to upstream, and each
 * of thousands would go through the whole list.
 */
function fieldOnce(known: Set<string>, key: string, otherwise: string): string {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  if (slash < 0 || known.has(name)) throw new PatchError(400, otherwise);
  known.add(name);
  return name;
}

/** `$retainKeys` lists every key that may stay, which clears the other members of a union. */
function retainKeys(result: JsonObject, patch: JsonObject): void {
  const retained = patch[retainKeysDirective];
  if (retained === undefined) return;
  const kept = Array.isArray(retained) ? new Set(retained) : undefined;
  const isListed = ([key, value]: readonly [string, JsonValue]): boolean =>
    key === retainKeysDirective ||
    value === null ||
    key.startsWith(deletePrefix) ||
    key.startsWith(orderPrefix) ||
    kept?.has(key) === true;
  if (kept === undefined || !Object.entries(patch).every(isListed))
    throw new PatchError(400, 'invalid patch format of retainKeys');
  for (const key of Object.keys(result)) if (!kept.has(key)) delete result[key];
}

function mergeMember(
  result: JsonObject,
  name: string,
  value: JsonValue,
  structure: Structure | undefined,
  isDeletion: boolean,
): void {
  if (value === null) {
    delete result[name];
    return;
  }
  const original = Object.hasOwn(result, name) ? result[name] : undefined;
  if (isObject(original) && isObject(value)) {
    const replaces = structure?.patchStrategy?.includes('replace') === true;
    setKey(result, name, replaces ? value : mergeObject(original, value, structure));
  } else if (Array.isArray(original) && Array.isArray(value))
    setKey(result, name, mergeLists(original, value, structure, isDeletion));
  else if (!isDeletion) {
    const taken = withoutDirectives(value);
    if (taken === undefined) delete result[name];
    else setKey(result, name, taken);
  }
}

/** A list with what comes before what. */
function mergeOrdered(
  result: JsonObject,
  patch: JsonObject,
  name: string,
  order: JsonValue,
  structure: Structure | undefined,
): void {
  const wanted = listOf(order);
  const original = Object.hasOwn(result, name) ? listOf(result[name]) : undefined;
  const set = Object.hasOwn(patch, name) ? listOf(patch[name]) : undefined;
  const inner = member(structure, name);
  if (structure?.kind === 'object' && inner === undefined) {
    const type = structure.message?.split('.').at(-1) ?? '';
    throw new PatchError(400, `unable to find api field in struct ${type} for the json field "${name}"`);
  }
  checkOrder(set ?? [], wanted, inner?.patchMergeKey);
  const merged =
    set === undefined
      ? original
      : original === undefined
        ? (withoutDirectives(set) as JsonValue[])
        : mergeLists(original, set, inner, false);
  if (merged !== undefined)
    setKey(result, name, inOrder(merged, original ?? [], wanted, inner?.patchMergeKey));
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  if (Array.isArray(value)) return value;
  throw new PatchError(400, `expected a []interface {}, but received a ${goTypeOf(value)}`);
}

function mergeLists(
  original: readonly JsonValue[],
  patch: JsonValue[],
  structure: Structure | undefined,
  isDeletion: boolean,
): JsonValue[] {
  if (!isDeletion && structure?.patchStrategy?.includes('merge') !== true) return patch;
  if (original.length + patch.length === 0) return [];
  const type = commonType(original, patch);
  const mergeKey = structure?.patchMergeKey;
  if (type === goTypeOf({})) return mergeByKey(original, patch, structure);
  if (isDeletion) return withoutItems(original, patch);
  if (mergeKey !== undefined) throw new PatchError(400, `expected a ${goTypeOf({})}, but received a ${type}`);
  return inOrder(mergePrimitives(original, patch), original, patch, undefined);
}

function mergeByKey(
  original: readonly JsonValue[],
  patch: readonly JsonValue[],
  structure: Structure | undefined,
): JsonValue[] {
  const mergeKey = structure?.patchMergeKey;
  if (mergeKey === undefined) {
    const type = structure?.items?.message?.split('.').at(-1) ?? '';
    throw new PatchError(400, `cannot merge lists without merge key for ${type}`);
  }
  const keyed = new KeyedList(original, mergeKey);
  const plain: JsonObject[] = [];
  let replaces = false;
  for (const item of patch as JsonObject[]) {
    const directive = item[patchDirective];
    if (directive === undefined) plain.push(item);
    else if (directive === 'delete') keyed.delete(keyIn(item, mergeKey));
    else if (directive === 'replace') replaces = true;
    else if (directive === 'merge')
      throw new PatchError(400, 'merging lists cannot yet be specified in the patch');
    else throw badDirective(directive, item);
  }
  if (replaces) return plain;
  const made = new Set<JsonObject>();
  let left: number | undefined;
  for (const item of plain) {
    const key = keyIn(item, mergeKey);
    const known = keyed.get(key);
    if (known !== undefined && made.has(known)) {
      left ??= mostRepeated * (sizeOf(original) + sizeOf(patch));
      left -= sizeOf(known);
      if (left < 0)
        throw new PatchError(
          400,
          `too many items of a list in the patch have the ${mergeKey} ${shownAsMap(key)}`,
        );
    }
    const merged = known === undefined ? item : mergeObject(known, item, structure?.items);
    made.add(merged);
    keyed.set(key, merged);
  }
  return inOrder(keyed.items(), original, plain, mergeKey);
}

/** How many values there are in one, itself included. */
function sizeOf(value: JsonValue | readonly JsonValue[]): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner: JsonValue) => sum + sizeOf(inner), 1);
}

function keyIn(item: JsonObject, mergeKey: string): JsonValue {
  const key = Object.hasOwn(item, mergeKey) ? item[mergeKey] : undefined;
  if (key !== undefined) return key;
  throw new PatchError(400, `map: ${shownAsMap(item)} does not contain declared merge key: ${mergeKey}`);
}

/** What is set where nothing was: nulls mean absence, and what has a directive of its own is nothing. */
function withoutDirectives(value: JsonValue): JsonValue | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (value[patchDirective] !== undefined) return undefined;
  const result: JsonObject = {};
  for (const [key, field] of Object.entries(value)) {
    const kept = field === null ? undefined : withoutDirectives(field);
    if (kept !== undefined) setKey(result, key, kept);
  }
  return result;
}
