/** Which APIServices cannot be reached. Each process of a server checks them for itself. */
import type { Registry } from 'prom-client';
import { apiServicePrefix } from '../aggregation/api-service.ts';
import type { Aggregator } from '../aggregation/aggregator.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import { registerPlain } from './plain-metric.ts';

export function exposeApiServices(registry: Registry, cache: WatchCache, aggregator: Aggregator): void {
  registerPlain(
    registry,
    {
      name: 'aggregator_unavailable_apiservice',
      type: 'gauge',
      help: '1 for APIServices that cannot be reached.',
      aggregator: 'max',
    },
    () => {
      const down = new Set(
        aggregator.remotes.flatMap(({ name, verdict }) => (verdict.available ? [] : [name])),
      );
      return [...cache.resource(apiServicePrefix).index.keys()].map((key) => {
        const name = key.slice(key.lastIndexOf('/') + 1);
        return { labels: { name }, value: Number(down.has(name)) };
      });
    },
  );
  registerPlain(
    registry,
    {
      name: 'aggregator_unavailable_apiservice_total',
      type: 'counter',
      help: 'How often an APIService was found to be reachable no more.',
      aggregator: 'max',
    },
    () => aggregator.losses.map(({ name, reason, count }) => ({ labels: { name, reason }, value: count })),
  );
}
