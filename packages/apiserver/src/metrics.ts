/** The API server's metrics, under upstream's names where upstream has one. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { RequestMetrics, StoreMetrics } from './request-metrics.ts';

export class ApiServerMetrics {
  readonly requests: RequestMetrics;
  readonly store: StoreMetrics;
  readonly watchers: Gauge;
  readonly watchEvents: Counter;
  readonly fenceRejections: Counter;
  readonly expiredWatches: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new RequestMetrics(registry);
    this.store = new StoreMetrics(registry);
    this.watchers = new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches and streams being served.',
      labelNames: ['verb', 'group', 'version', 'resource', 'scope'],
      registers,
    });
    this.watchEvents = new Counter({
      name: 'apiserver_watch_events_total',
      help: 'Events sent to watchers.',
      labelNames: ['group', 'version', 'resource'],
      registers,
    });
    this.fenceRejections = new Counter({
      name: 'timonier_fence_rejections_total',
      help: 'Writes refused because they were decided under another office, by where it was noticed.',
      labelNames: ['stage'],
      registers,
    });
    for (const stage of ['gate', 'commit']) this.fenceRejections.inc({ stage }, 0);
    this.expiredWatches = new Counter({
      name: 'timonier_apiserver_watches_expired_total',
      help: 'Watches ended because their position was no longer known.',
      registers,
    });
  }
}

/** Shows how many writes a failpoint holds; registered only where failpoints are switched on. */
export function exposeHeldWrites(registry: Registry, held: () => number): void {
  const gauge: Gauge = new Gauge({
    name: 'timonier_failpoint_held',
    help: 'Writes that wait between reading and committing, for a test.',
    registers: [registry],
    collect: () => gauge.set(held()),
  });
}
