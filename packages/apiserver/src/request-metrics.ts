/**
 * What requests cost, counted by what they were about: verb, resource and scope, and the code of the answer. Labels come from
 * the registry of kinds only, for paths and methods are the client's to choose; so there is a bounded number of them.
 */
import type { Registry } from 'prom-client';
import { Buckets, type Sample } from './flow-control/buckets.ts';
import type { ResourceRequest } from './http/request-info.ts';
import { registerPlain } from './plain-metric.ts';

export type RequestKind = 'mutating' | 'readOnly';

interface Target {
  readonly labels: Record<string, string>;
  readonly codes: Map<number, number>;
  readonly seconds: Buckets;
}

const seconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 10, 30, 60];

export class RequestMetrics {
  readonly inFlight: Record<RequestKind, number> = { mutating: 0, readOnly: 0 };
  readonly #targets = new Map<string, Target>();

  constructor(registry: Registry) {
    registerPlain(
      registry,
      {
        name: 'apiserver_request_total',
        type: 'counter',
        help: 'Requests by verb, resource and status code.',
      },
      () =>
        this.#all(({ labels, codes }) =>
          [...codes].map(([code, value]) => ({ labels: { ...labels, code: String(code) }, value })),
        ),
    );
    const duration = 'apiserver_request_duration_seconds';
    registerPlain(
      registry,
      {
        name: duration,
        type: 'histogram',
        help: 'Seconds from the request’s headers to the end of its answer; watches are left out.',
      },
      () =>
        this.#all((target) =>
          target.seconds.count > 0 ? target.seconds.samples(duration, target.labels) : [],
        ),
    );
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

  /** `milliseconds` undefined: it lasted as long as the client wanted. */
  count(
    method: string,
    served: ResourceRequest | undefined,
    code: number,
    milliseconds: number | undefined,
  ): void {
    const target = this.#target(method, served);
    target.codes.set(code, (target.codes.get(code) ?? 0) + 1);
    if (milliseconds !== undefined) target.seconds.observe(milliseconds / 1_000);
  }

  #target(method: string, served: ResourceRequest | undefined): Target {
    const verb = served?.verb ?? (method === 'GET' ? 'GET' : 'other');
    const scope = served === undefined ? '' : scopeOf(served);
    const { group = '', version = '', resource = '' } = served?.info ?? {};
    const subresource = served?.subresource ?? '';
    const key = `${verb} ${resource} ${group} ${version} ${subresource} ${scope}`;
    let target = this.#targets.get(key);
    if (target === undefined) {
      const labels = {
        verb: served === undefined ? verb : verb.toUpperCase(),
        group,
        version,
        resource,
        subresource,
        scope,
      };
      target = { labels, codes: new Map(), seconds: new Buckets(seconds) };
      this.#targets.set(key, target);
    }
    return target;
  }

  #all(samples: (target: Target) => Sample[]): Sample[] {
    return [...this.#targets.values()].flatMap(samples);
  }
}

function scopeOf({ name, namespace }: ResourceRequest): string {
  if (name !== '') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

const storeSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** How long the store takes to answer. */
export class StoreMetrics {
  readonly #operations = { get: new Buckets(storeSeconds), txn: new Buckets(storeSeconds) };

  constructor(registry: Registry) {
    const name = 'etcd_request_duration_seconds';
    registerPlain(registry, { name, type: 'histogram', help: 'Seconds until the store answered.' }, () =>
      Object.entries(this.#operations).flatMap(([operation, buckets]) =>
        buckets.count > 0 ? buckets.samples(name, { operation }) : [],
      ),
    );
  }

  /** `since` as `performance.now` told it when the store was asked. */
  answered(operation: 'get' | 'txn', since: number): void {
    this.#operations[operation].observe((performance.now() - since) / 1_000);
  }
}
