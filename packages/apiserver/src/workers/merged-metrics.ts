/**
 * The metrics of several processes as one. Counters and histograms of a process that has ended are kept, as they were
 * last seen, so that sums never fall: whoever computes rates would take that for a restart.
 */
import { AggregatorRegistry, Registry } from 'prom-client';

/** Of one process; what `getMetricsAsJSON` of its registry gives. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export class MergedMetrics {
  /** What ended processes had counted. */
  #departed: MetricsSnapshot = [];

  /** The process that this snapshot is of is no more. */
  async depart(last: MetricsSnapshot): Promise<void> {
    const counts = last.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    this.#departed = await merged([this.#departed, counts]).getMetricsAsJSON();
  }

  /** As text for Prometheus. */
  text(snapshots: readonly MetricsSnapshot[]): Promise<string> {
    return merged([...snapshots, this.#departed]).metrics();
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
}

/**
 * Sums, unless a metric says how else it is put together. What the library would leave out is the first snapshot's: when
 * a process began, the process that holds the others is asked for all of them.
 */
function merged(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate(
    snapshots.map((snapshot) =>
      snapshot.map((metric) => (metric.aggregator === 'omit' ? { ...metric, aggregator: 'first' } : metric)),
    ),
  );
}
