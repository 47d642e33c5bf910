/**
 * Where another member is reached. The log tells, and so does the member itself whenever it calls; they differ while it
 * moves, and for a member that was away while another moved. Such a one could not even answer the leader that would
 * send it the news. And two that moved at the same time can only hear of each other from one that stayed. So a
 * connection that works stays, and where none does each place is tried in turn.
 *
 * Bound: `maxPlaces` for each member that is linked, and one timer while they differ.
 */
import type { NodeId } from '@timonier/raft';
import type { Clock } from '../clock.ts';

export interface WhereaboutsOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly connected: (id: NodeId) => boolean;
  /** From now on it is looked for at this URL only. */
  readonly connect: (id: NodeId, url: string) => void;
}

interface Place {
  /** What the log tells; and what it said itself, while that is something else. */
  told: string;
  said: string | undefined;
  /** Where else it may be, the likeliest first: what it said, what the log told before, what others say. */
  others: readonly string[];
  /** Where it is looked for. */
  at: string;
  cancel: (() => void) | undefined;
}

/** Between two looks whether a place was the right one. In milliseconds. */
const lookMs = 1_000;
const maxPlaces = 4;

export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  readonly #places = new Map<NodeId, Place>();

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  has(id: NodeId): boolean {
    return this.#places.has(id);
  }

  get ids(): Iterable<NodeId> {
    return this.#places.keys();
  }

  /** Members that said they are elsewhere than the log tells: others may not find them. */
  get moved(): readonly { readonly id: NodeId; readonly url: string }[] {
    return [...this.#places].flatMap(([id, { said }]) => (said === undefined ? [] : [{ id, url: said }]));
  }

  /** The log tells where a member is. */
  told(id: NodeId, url: string): void {
    const place = this.#places.get(id);
    if (place === undefined) {
      this.#places.set(id, { told: url, said: undefined, others: [], at: url, cancel: undefined });
      this.#options.connect(id, url);
      return;
    }
    if (place.told === url) return;
    // It may not have gone there yet: where it was before is worth another try, until it says something itself.
    const before = [place.told, ...place.others];
    const said = place.said === undefined || place.said === url ? [] : [place.said];
    place.said = said[0];
    place.told = url;
    setOthers(place, [...said, ...before]);
    if (!this.#options.connected(id)) this.#go(id, place, url);
    this.#watch(id, place);
  }

  /** A member that is linked called, and said where it is. */
  said(id: NodeId, urls: readonly string[]): void {
    const place = this.#places.get(id);
    const [url] = urls;
    if (place === undefined || url === undefined) return;
    if (urls.includes(place.told)) {
      place.said = undefined;
      place.others = [];
      this.#go(id, place, place.told);
      return;
    }
    place.said = url;
    this.#try(id, place, url);
  }

  /** It may be there some time: the log tells, and that entry may not be committed; or another member says so. */
  expected(id: NodeId, url: string): void {
    const place = this.#places.get(id);
    if (place !== undefined && place.told !== url) this.#try(id, place, url);
  }

  /** It may be there, say flags that may be years old: it is looked for there after everywhere else. */
  suggested(id: NodeId, url: string): void {
    const place = this.#places.get(id);
    if (place === undefined || place.told === url) return;
    setOthers(place, [...place.others, url]);
    this.#watch(id, place);
  }

  #try(id: NodeId, place: Place, url: string): void {
    setOthers(place, [url, ...place.others]);
    if (!this.#options.connected(id)) this.#go(id, place, url);
    this.#watch(id, place);
  }

  forget(id: NodeId): void {
    this.#places.get(id)?.cancel?.();
    this.#places.delete(id);
  }

  close(): void {
    for (const place of this.#places.values()) place.cancel?.();
  }

  #go(id: NodeId, place: Place, url: string): void {
    if (place.at === url) return;
    place.at = url;
    this.#options.connect(id, url);
  }

  #watch(id: NodeId, place: Place): void {
    place.cancel ??= this.#options.clock.after(lookMs, () => {
      place.cancel = undefined;
      const { told, others, at } = place;
      // A connection may look as if it worked for a while after the other end is gone, so what works is looked after.
      if (at === told && others.length === 0) return;
      const places = [told, ...others];
      if (!this.#options.connected(id))
        this.#go(id, place, places[(places.indexOf(at) + 1) % places.length] ?? told);
      this.#watch(id, place);
    });
  }
}

function setOthers(place: Place, urls: readonly string[]): void {
  place.others = [...new Set(urls)].filter((url) => url !== place.told).slice(0, maxPlaces - 1);
}
