/**
 * Who owns whom, for all objects of all kinds: nodes are uids, edges are owner references. Only metadata is kept.
 */
import type { OwnedMetadata, ServedResource } from '../discovery.ts';

export interface GraphNode {
  readonly type: ServedResource;
  readonly object: OwnedMetadata;
}

export class OwnershipGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get size(): number {
    return this.#nodes.size;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  uids(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  dependentsOf(uid: string): GraphNode[] {
    const found: GraphNode[] = [];
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const node = this.#nodes.get(dependent);
      if (node !== undefined) found.push(node);
    }
    return found;
  }

  set(type: ServedResource, object: OwnedMetadata): void {
    const uid = object.metadata?.uid ?? '';
    const known = this.#nodes.get(uid);
    if (known !== undefined && !sameOwners(known.object, object)) this.delete(uid);
    this.#nodes.set(uid, { type, object });
    for (const owner of object.metadata?.ownerReferences ?? []) {
      let dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) this.#dependents.set(owner.uid, (dependents = new Set()));
      dependents.add(uid);
    }
  }

  delete(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    for (const owner of node.object.metadata?.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}

/** Most changes leave the owners alone, so the edges need not be touched. */
function sameOwners(a: OwnedMetadata, b: OwnedMetadata): boolean {
  const [left = [], right = []] = [a.metadata?.ownerReferences, b.metadata?.ownerReferences];
  return left.length === right.length && left.every(({ uid }, i) => uid === right[i]?.uid);
}
