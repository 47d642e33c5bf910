/**
 * A set of field paths, the content of a `managedFields` entry.
 *
 * A path is a list of path elements, each in the spelling of FieldsV1: `f:NAME` for a field, `k:{...}` for an item of
 * an associative list by its keys, `v:VALUE` for a member of a set, `i:N` for an index. The set is a tree: at each level
 * some elements are members themselves, and some have children; an element can be both.
 *
 * Source: Kubernetes server-side apply (the FieldsV1 format).
 */
import { isObject, type JsonObject, setKey } from './structure.ts';

export type FieldPath = readonly string[];

const noMembers: ReadonlySet<string> = new Set();
const noChildren: ReadonlyMap<string, FieldSet> = new Map();

/** Whoever makes one fills it; from then on it stays as it is, and may be part of others. */
export class FieldSet {
  // Most sets have only one of both, and are made for every change.
  #members: Set<string> | undefined;
  #children: Map<string, FieldSet> | undefined;

  get members(): ReadonlySet<string> {
    return this.#members ?? noMembers;
  }

  get children(): ReadonlyMap<string, FieldSet> {
    return this.#children ?? noChildren;
  }

  get empty(): boolean {
    if (this.members.size > 0) return false;
    for (const child of this.children.values()) if (!child.empty) return false;
    return true;
  }

  /** Makes the element itself a member. */
  add(element: string): void {
    (this.#members ??= new Set()).add(element);
  }

  /** What is below an element, in place of what was there. */
  setChild(element: string, child: FieldSet): void {
    (this.#children ??= new Map()).set(element, child);
  }

  deleteChild(element: string): void {
    this.#children?.delete(element);
  }

  insert([first, ...rest]: FieldPath): void {
    if (first === undefined) return;
    if (rest.length === 0) this.add(first);
    else this.descend(first).insert(rest);
  }

  /** The child under an element, made when absent. */
  descend(element: string): FieldSet {
    let child = this.children.get(element);
    if (child === undefined) this.setChild(element, (child = new FieldSet()));
    return child;
  }

  has([first, ...rest]: FieldPath): boolean {
    if (first === undefined) return false;
    return rest.length === 0 ? this.members.has(first) : this.children.get(first)?.has(rest) === true;
  }

  /** True when the element or anything below it is in the set. */
  touches(element: string): boolean {
    return this.members.has(element) || this.children.get(element)?.empty === false;
  }

  /** Every path of the set, in insertion order, parents before children. */
  *paths(prefix: FieldPath = []): Generator<FieldPath> {
    for (const element of this.members) yield [...prefix, element];
    for (const [element, child] of this.children) yield* child.paths([...prefix, element]);
  }

  equals(other: FieldSet): boolean {
    return difference(this, other).empty && difference(other, this).empty;
  }
}

export function union(...sets: readonly FieldSet[]): FieldSet {
  const filled = sets.filter((set) => !set.empty);
  if (filled.length === 1 && filled[0] !== undefined) return filled[0];
  const result = new FieldSet();
  for (const set of filled) addAll(result, set);
  return result;
}

function addAll(target: FieldSet, source: FieldSet): void {
  for (const element of source.members) target.add(element);
  for (const [element, child] of source.children) addAll(target.descend(element), child);
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const result = new FieldSet();
  for (const element of a.members) if (!b.members.has(element)) result.add(element);
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const rest = other === undefined ? child : difference(child, other);
    if (!rest.empty) result.setChild(element, rest);
  }
  return result;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result = new FieldSet();
  for (const element of a.members) if (b.members.has(element)) result.add(element);
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const common = other === undefined ? undefined : intersection(child, other);
    if (common !== undefined && !common.empty) result.setChild(element, common);
  }
  return result;
}

/** Everything of `a` that is not `b` or below a member of `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  if (a.empty || b.empty) return a;
  const result = new FieldSet();
  for (const element of a.members) if (!b.members.has(element)) result.add(element);
  for (const [element, child] of a.children) {
    if (b.members.has(element)) continue;
    const other = b.children.get(element);
    const rest = other === undefined ? child : recursiveDifference(child, other);
    if (!rest.empty) result.setChild(element, rest);
  }
  return result;
}

export function fieldSetOf(...paths: readonly FieldPath[]): FieldSet {
  const set = new FieldSet();
  for (const path of paths) set.insert(path);
  return set;
}

/** Reads FieldsV1. Unreadable parts are dropped: a bad entry must not make an object unusable. */
export function fromFieldsV1(fields: unknown): FieldSet {
  const set = new FieldSet();
  if (!isObject(fields)) return set;
  for (const [element, below] of Object.entries(fields)) {
    if (!/^[fkvi]:/.test(element)) continue;
    if (!isObject(below) || Object.keys(below).length === 0) {
      set.add(element);
      continue;
    }
    if (Object.hasOwn(below, '.')) set.add(element);
    const child = fromFieldsV1(below);
    if (!child.empty) set.setChild(element, child);
  }
  return set;
}

/** Writes FieldsV1, elements sorted. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const result: JsonObject = {};
  for (const element of [...new Set([...set.members, ...set.children.keys()])].sort()) {
    const child = set.children.get(element);
    const below = child === undefined || child.empty ? undefined : toFieldsV1(child);
    if (below === undefined && !set.members.has(element)) continue;
    if (below === undefined) setKey(result, element, {});
    else setKey(result, element, set.members.has(element) ? { '.': {}, ...below } : below);
  }
  return result;
}

/** The spelling of messages: `.spec.containers[name="web"].image`. */
export function pathText(path: FieldPath): string {
  return path
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      if (element.startsWith('i:')) return `[${text}]`;
      const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
