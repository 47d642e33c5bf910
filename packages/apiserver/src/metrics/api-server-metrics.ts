/** The API server's metrics, under upstream's names where upstream has one. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { AdmissionMetrics } from './admission-metrics.ts';
import { CacheUse } from './cache-metrics.ts';
import { IdentityMetrics } from './identity-metrics.ts';
import { registerPlain } from './plain-metric.ts';
import { RequestMetrics } from './request-metrics.ts';
import { StoreMetrics } from './store-metrics.ts';

export class ApiServerMetrics {
  readonly requests: RequestMetrics;
  readonly identity: IdentityMetrics;
  readonly store: StoreMetrics;
  readonly cacheUse: CacheUse;
  readonly admission: AdmissionMetrics;
  readonly fenceRejections: Counter;
  readonly expiredWatches: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new RequestMetrics(registry);
    this.identity = new IdentityMetrics(registry);
    this.store = new StoreMetrics(registry);
    this.cacheUse = new CacheUse(registry);
    this.admission = new AdmissionMetrics(registry);
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

/** Shows how many requests have come and have not begun, because this process has no time for them yet. */
export function exposeWaitingRequests(registry: Registry, waiting: () => number): void {
  const name = 'timonier_apiserver_requests_waiting';
  registerPlain(
    registry,
    { name, type: 'gauge', help: 'Requests that have come and have not begun.' },
    () => [{ labels: {}, value: waiting() }],
  );
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
