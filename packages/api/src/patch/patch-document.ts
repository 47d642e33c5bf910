/**
 * A document that the operations of a JSON patch change, at places that JSON pointers (RFC 6901) name. Long lists are kept so
 * that an item can be put in and taken out anywhere without moving the others; the tree is an ordinary one again at the end.
 *
 * What cannot be done throws. Names are plain data, whatever they are: `__proto__` is a key like others, as upstream, and no
 * prototype is ever read or set.
 */
import { LongList } from './long-list.ts';
import { isObject, jsonEqual, type JsonObject, type JsonValue, setKey } from './structure.ts';

/** Lists from here on are kept in pieces. */
const longFrom = 1_024;

type Node = JsonValue | LongList<Node>;

export class PatchDocument {
  #root: Node;

  /** The tree is changed, and belongs to the document from here on. */
  constructor(tree: JsonValue) {
    this.#root = tree;
  }

  tree(): JsonValue {
    return settled(this.#root);
  }

  /** Undefined where nothing is. */
  at(pointer: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const step of stepsOf(pointer)) node = below(node, step);
    return node;
  }

  isObjectAt(pointer: string): boolean {
    const node = this.at(pointer);
    return isObject(node) && !(node instanceof LongList);
  }

  /** The number of items of a list; undefined of anything else. */
  lengthAt(pointer: string): number | undefined {
    const node = this.at(pointer);
    return Array.isArray(node) || node instanceof LongList ? node.length : undefined;
  }

  /** Puts an item into a list, or sets what an object has under a name. */
  add(pointer: string, value: Node): void {
    const place = this.#placeOf(pointer);
    if (place === undefined) {
      this.#root = value;
      return;
    }
    const list = this.#listOf(place);
    if (list !== undefined) {
      const index = place.name === '-' ? list.length : indexOf(place.name);
      if (index > list.length) throw new Error(`${pointer} is beyond the end of the list`);
      if (list instanceof LongList) list.insert(index, value);
      else list.splice(index, 0, value as JsonValue);
    } else setKey(objectOf(place), place.name, value as JsonValue);
  }

  /** What was there. */
  remove(pointer: string): Node {
    const place = this.#placeOf(pointer);
    if (place === undefined) {
      const was = this.#root;
      this.#root = null;
      return was;
    }
    const was = below(place.holder, place.name);
    if (was === undefined) throw new Error(`there is nothing at ${pointer}`);
    const list = this.#listOf(place);
    if (list === undefined) delete objectOf(place)[place.name];
    else if (list instanceof LongList) list.remove(indexOf(place.name));
    else list.splice(indexOf(place.name), 1);
    return was;
  }

  replace(pointer: string, value: Node): void {
    const place = this.#placeOf(pointer);
    if (place === undefined) {
      this.#root = value;
      return;
    }
    const { holder, name } = place;
    if (below(holder, name) === undefined) throw new Error(`there is nothing at ${pointer}`);
    if (holder instanceof LongList) holder.set(indexOf(name), value);
    else if (Array.isArray(holder)) holder[indexOf(name)] = value as JsonValue;
    else setKey(objectOf(place), name, value as JsonValue);
  }

  /** Whether that is what is at a place; null holds where an object has no such member, too. Throws where nothing could be. */
  holds(pointer: string, value: JsonValue): boolean {
    const place = this.#placeOf(pointer);
    const node = this.at(pointer);
    // As upstream, where RFC 6902 has an error.
    if (node === undefined && value === null)
      return isObject(place?.holder) && !(place?.holder instanceof LongList);
    // A list of another length is told without being put together.
    const isOther = node instanceof LongList && (!Array.isArray(value) || value.length !== node.length);
    return node !== undefined && !isOther && jsonEqual(settled(node), value);
  }

  /** Undefined for the whole document. */
  #placeOf(pointer: string): Place | undefined {
    const steps = stepsOf(pointer);
    const name = steps.pop();
    if (name === undefined) return undefined;
    let holder: Node | undefined = this.#root;
    let above: Place | undefined;
    for (const step of steps) {
      above = { holder, name: step, above };
      holder = below(holder, step);
      if (holder === undefined) throw new Error(`there is nothing to hold ${pointer}`);
    }
    return { holder, name, above };
  }

  /** The list that holds a place, in pieces when it is long; undefined where none does. */
  #listOf({ holder, above }: Place): JsonValue[] | LongList<Node> | undefined {
    if (holder instanceof LongList) return holder;
    if (!Array.isArray(holder)) return undefined;
    if (holder.length < longFrom) return holder;
    const long = new LongList<Node>(holder);
    if (above === undefined) this.#root = long;
    else if (above.holder instanceof LongList) above.holder.set(indexOf(above.name), long);
    // In between the tree has what is no JSON: `tree` takes it out again.
    else if (Array.isArray(above.holder)) (above.holder as Node[])[indexOf(above.name)] = long;
    else setKey(objectOf(above), above.name, long as never);
    return long;
  }
}

interface Place {
  readonly holder: Node;
  readonly name: string;
  /** Where the holder is; undefined of the whole document. */
  readonly above: Place | undefined;
}

function objectOf({ holder, name }: Place): JsonObject {
  if (!isObject(holder)) throw new Error(`what is to hold ${name} is no object`);
  return holder;
}

/** Undefined where nothing is, and in what holds nothing. */
function below(node: Node | undefined, name: string): Node | undefined {
  if (node instanceof LongList) return name === '-' ? undefined : node.get(indexOf(name));
  if (Array.isArray(node)) return name === '-' ? undefined : node[indexOf(name)];
  return isObject(node) && Object.hasOwn(node, name) ? node[name] : undefined;
}

/** Throws for what is no index of a list. */
function indexOf(name: string): number {
  if (!/^\d+$/.test(name)) throw new Error(`${name} is no index of a list`);
  return Number(name);
}

/** The names of a pointer. */
function stepsOf(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new Error(`the pointer ${pointer} does not begin with a slash`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => (step.includes('~') ? step.replaceAll('~1', '/').replaceAll('~0', '~') : step));
}

/** A tree without lists in pieces; what has none is left as it is. */
export function settled(node: Node): JsonValue {
  if (node instanceof LongList) return node.items().map(settled);
  if (Array.isArray(node)) {
    for (const [i, item] of node.entries()) if (isHolder(item)) node[i] = settled(item);
  } else if (isObject(node))
    for (const name of Object.keys(node)) {
      const item = node[name] as Node;
      if (isHolder(item)) setKey(node, name, settled(item));
    }
  return node;
}

function isHolder(node: Node): boolean {
  return typeof node === 'object' && node !== null;
}
