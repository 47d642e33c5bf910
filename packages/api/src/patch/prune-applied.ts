/**
 * What falls away when an applier stops setting what it once set. Pure.
 *
 * A field of a known structure belongs to whoever owns anything below it. An item of a list and an entry of a map are
 * things of their own: who only changed a part of one, as `kubectl set image` does, keeps neither the item nor that part.
 *
 * Source: `prune` of the structured merge of Kubernetes, which takes away all that was once set, then adds back what is
 * owned, then what the applier never had; here in one walk over what it once set.
 */
import { FieldSet } from './field-set.ts';
import { itemElement, shapeOf } from './structured-merge.ts';
import { isObject, type JsonObject, type JsonValue, member, setKey, type Structure } from './structure.ts';

/** What is known of the elements above: a part goes with what holds it. */
interface Above {
  /** One of them was once set. */
  readonly wasSet: boolean;
  /** One of them is nobody's any more. */
  readonly isGone: boolean;
}

const none = new FieldSet();

/** What remains of `value` of what an applier once set (`last`), when others and its new configuration own `owned`. */
export function pruneApplied(
  value: JsonValue,
  last: FieldSet,
  owned: FieldSet,
  structure: Structure | undefined,
): JsonValue {
  return pruned(value, last, owned, structure, { wasSet: false, isGone: false });
}

function pruned(
  value: JsonValue,
  last: FieldSet,
  owned: FieldSet,
  structure: Structure | undefined,
  above: Above,
): JsonValue {
  /** Undefined when the part goes. */
  const keep = (
    element: string,
    part: JsonValue,
    partStructure: Structure | undefined,
    isField: boolean,
  ): JsonValue | undefined => {
    if (!last.touches(element)) return part;
    const isIn = (set: FieldSet): boolean => (isField ? set.touches(element) : set.members.has(element));
    const isSet = isIn(last);
    const wasSet = above.wasSet || isSet;
    const counts = !isField || saysSomething(part, partStructure);
    const isGone = above.isGone || (counts && wasSet && !isIn(owned));
    if (isGone && isSet && counts) return undefined;
    const below = last.children.get(element);
    return below === undefined
      ? part
      : pruned(part, below, owned.children.get(element) ?? none, partStructure, { wasSet, isGone });
  };
  const shape = shapeOf(structure, value);
  if (shape === 'object' && isObject(value)) {
    const result: JsonObject = {};
    let isEmpty = true;
    for (const [key, field] of Object.entries(value)) {
      const partStructure = member(structure, key);
      const isField = partStructure !== undefined && structure?.kind !== 'map';
      const kept = keep(`f:${key}`, field, partStructure, isField);
      if (kept === undefined) continue;
      setKey(result, key, kept);
      isEmpty = false;
    }
    // What nothing is left of is not there, rather than empty.
    return isEmpty && Object.keys(value).length > 0 ? null : result;
  }
  if (shape === 'associative' && Array.isArray(value)) {
    const kept = value
      .map((item) => keep(itemElement(structure, item), item, structure?.items, false))
      .filter((item) => item !== undefined);
    return kept.length === 0 && value.length > 0 ? null : kept;
  }
  return value;
}

/** Whether a value has any field that could be owned: a list without items has none. */
function saysSomething(value: JsonValue, structure: Structure | undefined): boolean {
  const shape = shapeOf(structure, value);
  if (shape === 'associative') return Array.isArray(value) && value.length > 0;
  if (shape === 'leaf' || !isObject(value) || structure?.kind === 'map') return true;
  const fields = Object.entries(value);
  return (
    fields.length === 0 ||
    fields.some(([key, part]) => {
      const partStructure = member(structure, key);
      return partStructure === undefined || saysSomething(part, partStructure);
    })
  );
}
