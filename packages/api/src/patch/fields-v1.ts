/**
 * Changes of a manager's fields in the form in which they are stored (FieldsV1). What a request changes is little and
 * what is owned is much, so the stored tree is only taken apart where the change is, and what stays is shared.
 *
 * Invariants: nothing that is given is changed; elements stay in order, with the `.` of the element itself first; a tree
 * that loses or gains nothing is returned as the same object.
 */
import { type FieldSet, fromFieldsV1, toFieldsV1 } from './field-set.ts';
import { isObject, type JsonObject, type JsonValue } from './structure.ts';

const itself = '.';

/** What somebody else wrote, in order and without what cannot be read. */
export function tidyFieldsV1(fields: unknown): JsonObject {
  return toFieldsV1(fromFieldsV1(fields));
}

/** The same as `difference` of sets. */
export function withoutFields(fields: JsonObject, gone: FieldSet): JsonObject {
  let result = fields;
  const look = (element: string): void => {
    if (!Object.hasOwn(fields, element)) return;
    const below = fields[element] as JsonValue;
    const left = leftOf(below, gone.members.has(element), gone.children.get(element));
    if (left === below) return;
    if (result === fields) result = { ...fields };
    if (left === undefined) delete result[element];
    else result[element] = left;
  };
  for (const element of gone.members) look(element);
  for (const element of gone.children.keys()) if (!gone.members.has(element)) look(element);
  return result;
}

/** What is left of an element; undefined when nothing is. */
function leftOf(below: JsonValue, losesItself: boolean, gone: FieldSet | undefined): JsonValue | undefined {
  const parts = isObject(below) ? below : {};
  const rest = gone === undefined ? parts : withoutFields(parts, gone);
  const isMember = isLeaf(parts) || Object.hasOwn(parts, itself);
  if (rest === parts && !(losesItself && isMember)) return below;
  const { [itself]: _self, ...others } = rest;
  const staysMember = isMember && !losesItself;
  if (isLeaf(others)) return staysMember ? {} : undefined;
  return staysMember ? { [itself]: {}, ...others } : others;
}

/** The same as `union` of sets. */
export function withFields(fields: JsonObject, more: FieldSet): JsonObject {
  let result = fields;
  let hasNewNames = false;
  const put = (element: string, below: JsonValue): void => {
    if (result === fields) result = { ...fields };
    hasNewNames ||= !Object.hasOwn(result, element);
    result[element] = below;
  };
  const known = (element: string): JsonValue | undefined =>
    Object.hasOwn(result, element) ? result[element] : undefined;
  for (const element of more.members) {
    const below = known(element);
    if (below === undefined) put(element, {});
    else if (isObject(below) && !isLeaf(below) && !Object.hasOwn(below, itself))
      put(element, { [itself]: {}, ...below });
  }
  for (const [element, child] of more.children) {
    if (child.empty) continue;
    const below = known(element);
    if (below === undefined) put(element, toFieldsV1(child));
    else if (!isObject(below) || isLeaf(below)) put(element, { [itself]: {}, ...toFieldsV1(child) });
    else {
      const merged = withFields(below, child);
      if (merged !== below) put(element, merged);
    }
  }
  return hasNewNames ? inOrder(result) : result;
}

function isLeaf(below: JsonObject): boolean {
  for (const _element in below) return false;
  return true;
}

/** Elements begin with a letter and a colon, so that no name is special, and `.` comes first. */
function inOrder(fields: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const element of Object.keys(fields).sort()) result[element] = fields[element] as JsonValue;
  return result;
}
