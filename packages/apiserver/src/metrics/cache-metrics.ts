/** What is kept of each resource, and what is read from there: lists and the events of watches. */
import type { Registry as Kinds, ResourceInfo } from '@timonier/api';
import type { Registry } from 'prom-client';
import type { WatchCache } from '../cache/watch-cache.ts';
import { Buckets, type Sample } from '../flow-control/buckets.ts';
import { registerPlain } from './plain-metric.ts';

type Labels = Record<string, string>;

const eventSizes = [1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];

/** Events sent to the watchers of one resource in one version. */
export class WatchedEvents {
  readonly labels: Labels;
  readonly sizes = new Buckets(eventSizes);

  constructor(labels: Labels) {
    this.labels = labels;
  }

  sent(bytes: number): void {
    this.sizes.observe(bytes);
  }
}

interface Lists {
  readonly labels: Labels;
  lists: number;
  fetched: number;
  returned: number;
}

/** What requests read; they add to plain numbers. */
export class CacheUse {
  readonly #watched = new Map<string, WatchedEvents>();
  readonly #listed = new Map<string, Lists>();
  readonly #listedByInfo = new WeakMap<ResourceInfo, Lists>();

  constructor(registry: Registry) {
    const sizes = 'apiserver_watch_events_sizes';
    registerPlain(
      registry,
      { name: 'apiserver_watch_events_total', type: 'counter', help: 'Events sent to watchers.' },
      () => [...this.#watched.values()].map(({ labels, sizes: { count } }) => ({ labels, value: count })),
    );
    registerPlain(
      registry,
      { name: sizes, type: 'histogram', help: 'Bytes of events sent to watchers.' },
      () => [...this.#watched.values()].flatMap((events) => events.sizes.samples(sizes, events.labels)),
    );
    const counter = (name: string, help: string, read: (lists: Lists) => number, extra: Labels = {}): void =>
      registerPlain(registry, { name, type: 'counter', help }, () =>
        [...this.#listed.values()].map((lists) => ({
          labels: { ...lists.labels, ...extra },
          value: read(lists),
        })),
      );
    counter('apiserver_cache_list_total', 'Lists served from the cache.', ({ lists }) => lists, {
      index: '',
    });
    counter(
      'apiserver_cache_list_fetched_objects_total',
      'Objects looked at for lists from the cache.',
      ({ fetched }) => fetched,
      { index: '' },
    );
    counter(
      'apiserver_cache_list_returned_objects_total',
      'Objects that lists from the cache returned.',
      ({ returned }) => returned,
    );
  }

  /** Where a watch counts its events. */
  watched({ group, version, resource }: ResourceInfo): WatchedEvents {
    const key = `${group}/${version}/${resource}`;
    let events = this.#watched.get(key);
    if (events === undefined)
      this.#watched.set(key, (events = new WatchedEvents({ group, version, resource })));
    return events;
  }

  listed(info: ResourceInfo, fetched: number, returned: number): void {
    let lists = this.#listedByInfo.get(info);
    if (lists === undefined) {
      const { group, resource } = info;
      const key = `${group}/${resource}`;
      lists = this.#listed.get(key);
      if (lists === undefined)
        this.#listed.set(key, (lists = { labels: { group, resource }, lists: 0, fetched: 0, returned: 0 }));
      this.#listedByInfo.set(info, lists);
    }
    lists.lists++;
    lists.fetched += fetched;
    lists.returned += returned;
  }
}

/** What the cache holds; each process of a server has all of it. */
export function exposeCache(registry: Registry, kinds: Kinds, cache: WatchCache): void {
  const gauge = (
    type: 'gauge' | 'counter',
    name: string,
    help: string,
    read: (prefix: string, info: ResourceInfo) => Sample,
  ): void =>
    registerPlain(registry, { name, type, help, aggregator: 'max' }, () =>
      stored(kinds).map(([prefix, info]) => read(prefix, info)),
    );
  const labelled = (
    name: string,
    help: string,
    read: (prefix: string) => number,
    type: 'gauge' | 'counter' = 'gauge',
  ) =>
    gauge(type, name, help, (prefix, { group, resource }) => ({
      labels: { group, resource },
      value: read(prefix),
    }));
  const count = (prefix: string): number => cache.resource(prefix).index.size;
  labelled('apiserver_resource_objects', 'Objects of a resource.', count);
  labelled(
    'apiserver_resource_size_estimate_bytes',
    'Bytes of all objects of a resource.',
    (prefix) => cache.resource(prefix).size.bytes,
  );
  gauge('gauge', 'apiserver_storage_objects', 'Objects of a resource.', (prefix, { group, resource }) => ({
    labels: { resource: group === '' ? resource : `${resource}.${group}` },
    value: count(prefix),
  }));
  const received = (prefix: string): number => cache.resource(prefix).log.nextSequence;
  labelled('apiserver_watch_cache_events_received_total', 'Changes seen of a resource.', received, 'counter');
  labelled('apiserver_storage_events_received_total', 'Changes seen of a resource.', received, 'counter');
  labelled(
    'apiserver_watch_cache_resource_version',
    'Version that the cache has reached.',
    () => cache.revision,
  );
  labelled('watch_cache_capacity', 'Changes kept for watches that resume.', () => cache.capacity);
}

/** One description for each resource that is stored, whatever versions it has. */
function stored(kinds: Kinds): (readonly [prefix: string, info: ResourceInfo])[] {
  const found = new Map<string, readonly [string, ResourceInfo]>();
  for (const info of kinds.all()) {
    if (info.storagePrefix === undefined) continue;
    const key = `${info.group}/${info.resource}`;
    if (!found.has(key)) found.set(key, [info.storagePrefix, info]);
  }
  return [...found.values()];
}
