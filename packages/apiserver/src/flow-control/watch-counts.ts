/**
 * How many watches an object's change concerns, by resource, namespace and name: what a write costs after it is done.
 * Watches over the pods of one node are counted once together: a change concerns one of them at most.
 */
import type { MatchedRequest } from './matching.ts';

type Watched = Pick<MatchedRequest, 'group' | 'resource' | 'namespace' | 'name'>;

export class WatchCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  /** Counts a watch until the function returned is called. */
  add(watched: Watched, isOfOneNode: boolean): () => void {
    const resource = resourceOf(watched);
    const place = isOfOneNode ? 'node' : `${watched.namespace}/${watched.name}`;
    const places = this.#counts.get(resource) ?? new Map<string, number>();
    this.#counts.set(resource, places);
    places.set(place, (places.get(place) ?? 0) + 1);
    return () => {
      const left = (places.get(place) ?? 0) - 1;
      if (left > 0) places.set(place, left);
      else places.delete(place);
      if (places.size === 0 && this.#counts.get(resource) === places) this.#counts.delete(resource);
    };
  }

  concernedBy(written: Watched): number {
    const places = this.#counts.get(resourceOf(written));
    if (places === undefined) return 0;
    const { namespace, name } = written;
    const keys = new Set(['/', `${namespace}/`, `/${name}`, `${namespace}/${name}`]);
    let count = places.has('node') ? 1 : 0;
    for (const key of keys) count += places.get(key) ?? 0;
    return count;
  }
}

function resourceOf({ group = '', resource = '' }: Watched): string {
  return `${group}/${resource}`;
}
