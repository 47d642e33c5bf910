/**
 * Metrics of the hot path: requests only add to plain numbers, and Prometheus' form is made of them when somebody asks. The
 * library's own metrics look their labels up, and check them, each time.
 */
import type { Registry } from 'prom-client';
import type { Sample } from '../flow-control/buckets.ts';

export interface PlainMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** How the values of several processes become one: `max` for what each of them says of the same thing. */
  readonly aggregator?: 'sum' | 'max';
}

export function registerPlain(registry: Registry, metric: PlainMetric, samples: () => Sample[]): void {
  const shared = { aggregator: 'sum', ...metric };
  const whole = { ...shared, get: () => Promise.resolve({ ...shared, values: samples() }) };
  // Whatever has a name and tells its values is a metric; the library's type knows its own classes only.
  registry.registerMetric(whole as unknown as Parameters<Registry['registerMetric']>[0]);
}
