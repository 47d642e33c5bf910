/** Metrics of the proxy, under kube-proxy's names where it has one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ProxyMetrics {
  readonly syncDuration: Histogram<'kind'>;
  readonly lastSync: Gauge;
  readonly syncFailures: Counter;
  readonly elements: Gauge<'set'>;
}

export function createProxyMetrics(registry: Registry): ProxyMetrics {
  const registers = [registry];
  return {
    syncDuration: new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'Time from the start of a sync to its rules being in force.',
      labelNames: ['kind'],
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers,
    }),
    lastSync: new Gauge({
      name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      help: 'When rules were last brought into force.',
      registers,
    }),
    syncFailures: new Counter({
      name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      help: 'Syncs that nft refused.',
      registers,
    }),
    elements: new Gauge({
      name: 'timonier_proxy_elements',
      help: 'Elements in force, by nftables map or set.',
      labelNames: ['set'],
      registers,
    }),
  };
}
