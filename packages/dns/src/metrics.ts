/** Metrics of the DNS server, under CoreDNS's names, which dashboards know. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface DnsMetrics {
  readonly cacheHits: Counter;
  readonly forwardFailures: Counter;
  observe(zone: string, transport: string, type: string, code: string, startedMs: number): void;
}

const knownTypes = new Set(['A', 'AAAA', 'MX', 'SOA', 'CNAME', 'PTR', 'TXT', 'NS', 'SRV', 'ANY']);

export function createDnsMetrics(registry: Registry): DnsMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'coredns_dns_requests_total',
    help: 'Questions received.',
    labelNames: ['zone', 'proto', 'type'],
    registers,
  });
  const responses = new Counter({
    name: 'coredns_dns_responses_total',
    help: 'Answers given.',
    labelNames: ['zone', 'rcode'],
    registers,
  });
  const duration = new Histogram({
    name: 'coredns_dns_request_duration_seconds',
    help: 'Time from question to answer.',
    labelNames: ['zone'],
    buckets: [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.064, 0.256, 1, 4],
    registers,
  });
  return {
    cacheHits: new Counter({
      name: 'coredns_cache_hits_total',
      help: 'Forwarded questions answered from the cache.',
      registers,
    }),
    forwardFailures: new Counter({
      name: 'timonier_dns_forward_failures_total',
      help: 'Questions that no upstream resolver answered.',
      registers,
    }),
    observe(zone, transport, type, code, startedMs) {
      requests.inc({ zone, proto: transport, type: knownTypes.has(type) ? type : 'other' });
      responses.inc({ zone, rcode: code });
      duration.observe({ zone }, (performance.now() - startedMs) / 1000);
    },
  };
}
