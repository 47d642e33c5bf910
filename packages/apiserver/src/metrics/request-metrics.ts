/**
 * What requests cost, counted as upstream does: those that reached a handler, by what they were about and the code of the
 * answer. Who may not come in, and what is not served, shows in other metrics.
 */
import type { Registry } from 'prom-client';
import type { Sample } from '../flow-control/buckets.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { LongRunning } from './long-running.ts';
import { type PlainMetric, registerPlain } from './plain-metric.ts';
import { type DryRun, type RequestLabels, type RequestSeries, SeriesTable } from './request-series.ts';

export type RequestKind = 'mutating' | 'readOnly';

/** Where probes ask; what is behind these paths counts as them. */
const probes = /^\/(healthz|livez|readyz)(\/|$)/;
const documents: Readonly<Record<string, readonly [subresource: string, component: string] | undefined>> = {
  '/api': ['api', 'apiserver'],
  '/apis': ['apis', 'apiserver'],
  '/openapi/v3': ['openapi/v3', ''],
};
const applyTypes = /^application\/apply-patch\+/;

export class RequestMetrics {
  readonly inFlight: Record<RequestKind, number> = { mutating: 0, readOnly: 0 };
  readonly longRunning: LongRunning;
  readonly #table = new SeriesTable();
  /** By group, version, resource and subresource. */
  readonly #deprecated = new Map<string, Record<string, string>>();

  constructor(registry: Registry) {
    this.longRunning = new LongRunning(registry);
    this.#registerCounts(registry);
    this.#registerDistributions(registry);
    registerPlain(
      registry,
      {
        name: 'apiserver_current_inflight_requests',
        type: 'gauge',
        help: 'Requests being served, watches left out.',
      },
      () =>
        (['mutating', 'readOnly'] as const).map((kind) => ({
          labels: { request_kind: kind },
          value: this.inFlight[kind],
        })),
    );
  }

  /** What a request counts as that has reached its handler. */
  seriesOf(exchange: Exchange, target: ResourceRequest): RequestSeries {
    const isApply = target.verb === 'patch' && applyTypes.test(exchange.header('content-type') ?? '');
    return this.#table.of(target, isApply, dryRunOf(exchange));
  }

  /** The same for what is no resource; undefined when that is not counted. */
  seriesOfPath(path: string): RequestSeries | undefined {
    const [, probe] = probes.exec(path) ?? [];
    if (probe !== undefined) return this.#table.ofPath(`/${probe}`, '');
    const document = documents[path];
    return document && this.#table.ofPath(...document);
  }

  /**
   * A request is over. `milliseconds` since it came, and since its handler began; the latter undefined when it lasted as
   * long as the client wanted.
   */
  count(
    { labels, codes, seconds, sli, sizes }: RequestSeries,
    exchange: Exchange,
    milliseconds: number,
    handled: number | undefined,
  ): void {
    const { statusCode: code } = exchange;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    seconds.observe(milliseconds / 1_000);
    if (handled !== undefined && labels.dry_run === '') sli.observe(handled / 1_000);
    if (exchange.method === 'GET') sizes.observe(exchange.sentBytes);
  }

  /** A request was turned away because there was no room for it; counted when it is for a resource. */
  refused(exchange: Exchange, target: ResourceRequest | undefined): void {
    if (target === undefined) return;
    const series = this.seriesOf(exchange, target);
    series.codes.set(429, (series.codes.get(429) ?? 0) + 1);
    this.terminated(series, 429);
  }

  /** A request was ended by this server, and not by its handler. */
  terminated({ terminations }: RequestSeries, code: number): void {
    terminations.set(code, (terminations.get(code) ?? 0) + 1);
  }

  /** Somebody uses a kind that is on its way out. */
  deprecated({ info: { group, version, resource }, subresource }: ResourceRequest): void {
    const key = `${group} ${version} ${resource} ${subresource}`;
    if (!this.#deprecated.has(key))
      this.#deprecated.set(key, { group, version, resource, subresource, removed_release: '' });
  }

  #registerCounts(registry: Registry): void {
    registerPlain(
      registry,
      {
        name: 'apiserver_request_total',
        type: 'counter',
        help: 'Requests by verb, resource, dry run, component and status code.',
      },
      () => this.#all(({ labels, codes }) => byCode(codes, { ...labels })),
    );
    registerPlain(
      registry,
      {
        name: 'apiserver_request_terminations_total',
        type: 'counter',
        help: 'Requests that were ended by the server, to protect itself or because of a fault.',
      },
      () => this.#all(({ labels, terminations }) => byCode(terminations, withoutDryRun(labels))),
    );
    registerPlain(
      registry,
      {
        name: 'apiserver_requested_deprecated_apis',
        type: 'gauge',
        help: '1 for each deprecated API that was asked for.',
        aggregator: 'max',
      },
      () => [...this.#deprecated.values()].map((labels) => ({ labels, value: 1 })),
    );
  }

  #registerDistributions(registry: Registry): void {
    const histogram = (
      metric: Omit<PlainMetric, 'type'>,
      samples: (series: RequestSeries, name: string) => Sample[],
    ): void =>
      registerPlain(registry, { ...metric, type: 'histogram' }, () =>
        this.#all((series) => samples(series, metric.name)),
      );
    histogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Seconds from the request’s headers to the end of its answer.',
      },
      ({ labels, seconds }, name) => (seconds.count > 0 ? seconds.samples(name, { ...labels }) : []),
    );
    // The second name is the first one’s earlier one, which older dashboards ask for.
    for (const name of ['apiserver_request_sli_duration_seconds', 'apiserver_request_slo_duration_seconds'])
      histogram(
        {
          name,
          help: 'Seconds in the request’s handler; watches and streams are left out.',
        },
        ({ labels, sli }) => (sli.count > 0 ? sli.samples(name, withoutDryRun(labels)) : []),
      );
    histogram(
      { name: 'apiserver_response_sizes', help: 'Bytes of answers to GET.' },
      ({ labels, sizes }, name) => (sizes.count > 0 ? sizes.samples(name, withoutDryRun(labels)) : []),
    );
  }

  /** Series that differ in a label that a metric does not have are told as one. */
  #all(samples: (series: RequestSeries) => Sample[]): Sample[] {
    return summed(this.#table.all.flatMap(samples));
  }
}

function dryRunOf(exchange: Exchange): DryRun {
  if (exchange.url.search === '') return '';
  const values = exchange.query.getAll('dryRun');
  if (values.length === 0) return '';
  return values.every((value) => value === 'All') ? 'All' : 'invalid';
}

function withoutDryRun({ dry_run: _left, ...labels }: RequestLabels): Record<string, string> {
  return labels;
}

function byCode(codes: ReadonlyMap<number, number>, labels: Record<string, string>): Sample[] {
  return [...codes].map(([code, value]) => ({ labels: { ...labels, code: String(code) }, value }));
}

function summed(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.metricName ?? ''} ${Object.values(sample.labels).join(' ')}`;
    const known = sums.get(key);
    sums.set(key, known === undefined ? sample : { ...known, value: known.value + sample.value });
  }
  return [...sums.values()];
}
