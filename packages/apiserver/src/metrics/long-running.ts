/** How many watches and streams are being served, by what they are of. They begin rarely, so a key of text does no harm. */
import type { Registry } from 'prom-client';
import type { RequestInfo } from '../http/request-info.ts';
import type { RequestSeries } from './request-series.ts';
import { registerPlain } from './plain-metric.ts';

export class LongRunning {
  readonly #running = new Map<string, { readonly labels: Record<string, string>; count: number }>();

  constructor(registry: Registry) {
    registerPlain(
      registry,
      { name: 'apiserver_longrunning_requests', type: 'gauge', help: 'Watches and streams being served.' },
      () => [...this.#running.values()].map(({ labels, count }) => ({ labels, value: count })),
    );
  }

  /** Returns what to call at the end. */
  begin({ labels }: RequestSeries, { name, namespace }: Pick<RequestInfo, 'name' | 'namespace'>): () => void {
    const { dry_run: _left, ...kept } = labels;
    // A selector that names one object makes that the scope here, and not in what is counted.
    const scope = name !== '' ? 'resource' : namespace === '' ? 'cluster' : 'namespace';
    const key = [
      labels.verb,
      labels.group,
      labels.version,
      labels.resource,
      labels.subresource,
      scope,
    ].join();
    let entry = this.#running.get(key);
    if (entry === undefined) this.#running.set(key, (entry = { labels: { ...kept, scope }, count: 0 }));
    const running = entry;
    running.count++;
    return () => running.count--;
  }
}
