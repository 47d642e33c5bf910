/**
 * How much of the cluster is lost, zone by zone, and how fast nodes may therefore be given up. When most of a zone
 * falls silent at once the cause is rarely the nodes, so eviction slows down; when everything does, it is most likely
 * us who are cut off, and eviction stops. Pure but for the token buckets, whose clock comes in with each call.
 */
import type { Node } from '@timonier/api';

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

export interface EvictionSettings {
  /** Nodes per second that may be given up in a zone that is well. */
  readonly nodeEvictionRate: number;
  /** The same in a large zone that is partly lost; a small one stops. */
  readonly secondaryNodeEvictionRate: number;
  /** A cluster of more nodes than this is large. */
  readonly largeClusterSizeThreshold: number;
  /** The part of a zone's nodes that must be lost for the zone to count as partly lost. */
  readonly unhealthyZoneThreshold: number;
}

/** The zone of a node, by its topology labels; nodes without them share one. */
export function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata ?? {};
  const zone = labels['topology.kubernetes.io/zone'] ?? '';
  return `${labels['topology.kubernetes.io/region'] ?? ''}/${zone}`;
}

/** Two lost nodes are never a disruption of a zone that still has others. */
export function zoneState(ready: number, lost: number, unhealthyThreshold: number): ZoneState {
  if (lost > 0 && ready === 0) return 'FullDisruption';
  return lost > 2 && lost / (lost + ready) >= unhealthyThreshold ? 'PartialDisruption' : 'Normal';
}

/** Nodes per second for a zone in a state, while not all zones are lost. */
export function evictionRate(state: ZoneState, nodes: number, settings: EvictionSettings): number {
  if (state !== 'PartialDisruption') return settings.nodeEvictionRate;
  return nodes > settings.largeClusterSizeThreshold ? settings.secondaryNodeEvictionRate : 0;
}

interface Zone {
  /** Nodes that may be given up now; at most one, so that a burst of losses is never acted on at once. */
  tokens: number;
  /** Monotonic, when `tokens` was reckoned. */
  at: number;
  rate: number;
}

/** What `observe` found to be different from the time before. */
export type DisruptionChange = 'entered' | 'left' | undefined;

export class Disruption {
  readonly #settings: EvictionSettings;
  readonly #zones = new Map<string, Zone>();
  /** Nodes whose token is spent: repeating a write that failed costs no second one. */
  readonly #granted = new Set<string>();
  #total = false;

  constructor(settings: EvictionSettings) {
    this.#settings = settings;
  }

  /** True while every zone is lost: nothing may be evicted. */
  get total(): boolean {
    return this.#total;
  }

  /** Takes in which nodes are lost now; `now` is monotonic milliseconds. */
  observe(nodes: readonly Node[], isLost: (node: Node) => boolean, now: number): DisruptionChange {
    const counts = new Map<string, { ready: number; lost: number }>();
    for (const node of nodes) {
      const key = zoneOf(node);
      let count = counts.get(key);
      if (count === undefined) counts.set(key, (count = { ready: 0, lost: 0 }));
      if (isLost(node)) count.lost += 1;
      else count.ready += 1;
    }
    for (const key of this.#zones.keys()) if (!counts.has(key)) this.#zones.delete(key);
    let total = counts.size > 0;
    for (const [key, { ready, lost }] of counts) {
      const state = zoneState(ready, lost, this.#settings.unhealthyZoneThreshold);
      total &&= state === 'FullDisruption';
      const rate = evictionRate(state, ready + lost, this.#settings);
      const zone = this.#zones.get(key);
      if (zone === undefined) this.#zones.set(key, { tokens: 1, at: now, rate });
      else if (zone.rate !== rate) {
        refill(zone, now);
        zone.rate = rate;
      }
    }
    if (total === this.#total) return undefined;
    this.#total = total;
    // What was granted while everything fell silent no longer tells anything, and should not delay what comes.
    this.#granted.clear();
    for (const zone of this.#zones.values()) zone.tokens = 1;
    return total ? 'entered' : 'left';
  }

  /**
   * Asks to give a node up: 0 when it may be now, else the milliseconds after which to ask again. A node that may
   * stays so until `forget`.
   */
  request(node: Node, now: number): number {
    const name = node.metadata?.name ?? '';
    if (this.#total) return askAgainMs;
    if (this.#granted.has(name)) return 0;
    const zone = this.#zones.get(zoneOf(node));
    if (zone === undefined || zone.rate === 0) return askAgainMs;
    refill(zone, now);
    if (zone.tokens >= 1) {
      zone.tokens -= 1;
      this.#granted.add(name);
      return 0;
    }
    return Math.min(askAgainMs, Math.ceil(((1 - zone.tokens) / zone.rate) * 1_000));
  }

  /** The node is well again, or gone. */
  forget(name: string): void {
    this.#granted.delete(name);
  }
}

/** The rate of a zone may change at any time, so nobody waits longer than this. */
const askAgainMs = 1_000;

function refill(zone: Zone, now: number): void {
  // A sum of many small steps may miss one by a rounding error, and then would for ever.
  zone.tokens = Math.min(1, zone.tokens + (zone.rate * (now - zone.at)) / 1_000 + 1e-9);
  zone.at = now;
}
