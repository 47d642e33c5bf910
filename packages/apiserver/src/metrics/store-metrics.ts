/** How long the store takes to answer, by operation and resource. */
import type { ResourceInfo } from '@timonier/api';
import type { Registry } from 'prom-client';
import { Buckets } from '../flow-control/buckets.ts';
import type { PageCounts } from '../storage/store-pages.ts';
import { registerPlain } from './plain-metric.ts';
import { secondsBuckets } from './request-series.ts';

export type StoreOperation = 'get' | 'list' | 'create' | 'update' | 'delete';

interface Asked {
  readonly labels: { readonly group: string; readonly resource: string };
  readonly operations: Record<StoreOperation, { readonly seconds: Buckets; errors: number }>;
}

const operations: readonly StoreOperation[] = ['get', 'list', 'create', 'update', 'delete'];

/** What is read of the store page by page: the objects of a start, lists of the past. */
export function exposePages(registry: Registry, counts: Readonly<PageCounts>): void {
  registerPlain(
    registry,
    {
      name: 'timonier_apiserver_store_pages_total',
      type: 'counter',
      help: 'Pages asked for of the store, by what became of them; those not taken were asked for again in fewer keys.',
    },
    () => [
      { labels: { result: 'taken' }, value: counts.pages },
      { labels: { result: 'too_large' }, value: counts.tooLarge },
      { labels: { result: 'too_late' }, value: counts.tooLate },
    ],
  );
  registerPlain(
    registry,
    {
      name: 'timonier_apiserver_store_page_bytes_total',
      type: 'counter',
      help: 'Bytes of the keys and values of all pages that were taken.',
    },
    () => [{ labels: {}, value: counts.bytes }],
  );
}

export class StoreMetrics {
  readonly #byInfo = new WeakMap<ResourceInfo, Asked>();
  readonly #byName = new Map<string, Asked>();

  constructor(registry: Registry) {
    const duration = 'etcd_request_duration_seconds';
    registerPlain(
      registry,
      { name: duration, type: 'histogram', help: 'Seconds until the store answered.' },
      () => this.#all(({ seconds }, labels) => (seconds.count > 0 ? seconds.samples(duration, labels) : [])),
    );
    registerPlain(
      registry,
      { name: 'etcd_requests_total', type: 'counter', help: 'Requests to the store.' },
      () => this.#all(({ seconds: { count } }, labels) => (count > 0 ? [{ labels, value: count }] : [])),
    );
    registerPlain(
      registry,
      { name: 'etcd_request_errors_total', type: 'counter', help: 'Requests to the store that failed.' },
      () => this.#all(({ errors }, labels) => (errors > 0 ? [{ labels, value: errors }] : [])),
    );
  }

  /** `since` as `performance.now` told it when the store was asked. */
  answered(operation: StoreOperation, info: ResourceInfo, since: number, isError: boolean): void {
    const entry = this.#asked(info).operations[operation];
    if (isError) entry.errors++;
    entry.seconds.observe((performance.now() - since) / 1_000);
  }

  #asked(info: ResourceInfo): Asked {
    let asked = this.#byInfo.get(info);
    if (asked !== undefined) return asked;
    const { group, resource } = info;
    const name = `${group}/${resource}`;
    asked = this.#byName.get(name);
    if (asked === undefined) {
      const fresh = () => ({ seconds: new Buckets(secondsBuckets), errors: 0 });
      asked = {
        labels: { group, resource },
        operations: { get: fresh(), list: fresh(), create: fresh(), update: fresh(), delete: fresh() },
      };
      this.#byName.set(name, asked);
    }
    this.#byInfo.set(info, asked);
    return asked;
  }

  #all<T>(samples: (entry: Asked['operations'][StoreOperation], labels: Record<string, string>) => T[]): T[] {
    return [...this.#byName.values()].flatMap((asked) =>
      operations.flatMap((operation) => samples(asked.operations[operation], { operation, ...asked.labels })),
    );
  }
}
