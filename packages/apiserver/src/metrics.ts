/** The API server's metrics, under upstream's names where upstream has one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export class ApiServerMetrics {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly inflight: Gauge;
  readonly watchers: Gauge;
  readonly watchEvents: Counter;
  readonly fenceRejections: Counter;
  readonly storeDuration: Histogram;
  readonly expiredWatches: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, resource and status code.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'code'],
      registers,
    });
    this.duration = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Seconds from the request’s headers to the end of its answer; watches are left out.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope'],
      buckets: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 10, 30, 60],
      registers,
    });
    this.inflight = new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests being served, watches left out.',
      labelNames: ['request_kind'],
      registers,
    });
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
    this.storeDuration = new Histogram({
      name: 'etcd_request_duration_seconds',
      help: 'Seconds until the store answered.',
      labelNames: ['operation'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
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
