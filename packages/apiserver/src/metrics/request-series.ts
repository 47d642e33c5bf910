/**
 * The series that requests are counted in: one for each verb, resource, subresource, scope and kind of dry run, made when
 * it is first needed and found again by position, so that a request costs a few look-ups and no text. Labels come from
 * the registry of kinds only, for paths and parameters are the client's to choose; so there is a bounded number of them.
 */
import type { ResourceInfo } from '@timonier/api';
import { Buckets } from '../flow-control/buckets.ts';
import type { ResourceRequest } from '../http/request-info.ts';

/** Of everything that lasts as long as a request, in seconds. */
export const secondsBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const sliBuckets = secondsBuckets.slice(2);
const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

export type DryRun = '' | 'All' | 'invalid';

export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: string;
  readonly component: string;
  readonly dry_run: DryRun;
}

export class RequestSeries {
  readonly labels: RequestLabels;
  readonly codes = new Map<number, number>();
  readonly seconds = new Buckets(secondsBuckets);
  /** Without dry runs, those that last as long as the client wants, and waiting for a turn. */
  readonly sli = new Buckets(sliBuckets);
  /** Of answers to GET. */
  readonly sizes = new Buckets(sizeBuckets);
  /** Codes with which requests were ended before, or without, an answer of their handler. */
  readonly terminations = new Map<number, number>();

  constructor(labels: RequestLabels) {
    this.labels = labels;
  }
}

const verbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'apply',
  'delete',
  'deletecollection',
] as const;
type CountedVerb = (typeof verbs)[number];

const verbLabels: Readonly<Record<CountedVerb, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  apply: 'APPLY',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};
const positions = Object.fromEntries(verbs.map((verb, i) => [verb, i])) as Record<CountedVerb, number>;
const collections: ReadonlySet<CountedVerb> = new Set(['list', 'watch', 'deletecollection']);
const dryRuns: Readonly<Record<DryRun, number>> = { '': 0, All: 1, invalid: 2 };
/** Subresources that are connections to somewhere else, whatever the method. */
const connections: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy']);

/** By subresource, then by position. */
type Slots = Map<string, (RequestSeries | undefined)[]>;

export class SeriesTable {
  readonly #all: RequestSeries[] = [];
  readonly #byInfo = new WeakMap<ResourceInfo, Slots>();
  /** Definitions that change bring descriptions that are new, of the same resource. */
  readonly #byName = new Map<string, Slots>();
  readonly #byPath = new Map<string, RequestSeries>();

  get all(): readonly RequestSeries[] {
    return this.#all;
  }

  of(
    { verb, info, namespace, subresource }: ResourceRequest,
    isApply: boolean,
    dryRun: DryRun,
  ): RequestSeries {
    const counted = isApply ? 'apply' : verb;
    const slots = this.#slotsOf(info);
    let series = slots.get(subresource);
    if (series === undefined) {
      const name = subresourceLabel(info, subresource);
      slots.set(name, (series = slots.get(name) ?? []));
    }
    const position = (positions[counted] * 2 + (namespace === '' ? 0 : 1)) * 3 + dryRuns[dryRun];
    return (series[position] ??= this.#add({
      verb: connections.has(subresource) ? 'CONNECT' : verbLabels[counted],
      group: info.group,
      version: info.version,
      resource: info.resource,
      subresource: subresourceLabel(info, subresource),
      scope: scopeOf(counted, namespace),
      component: 'apiserver',
      dry_run: dryRun,
    }));
  }

  /** Of paths that are no resources; the caller says which ones there are. */
  ofPath(subresource: string, component: string): RequestSeries {
    let series = this.#byPath.get(subresource);
    if (series === undefined) {
      const none = { group: '', version: '', resource: '', scope: '', dry_run: '' } as const;
      series = this.#add({ verb: 'GET', ...none, subresource, component });
      this.#byPath.set(subresource, series);
    }
    return series;
  }

  #slotsOf(info: ResourceInfo): Slots {
    const known = this.#byInfo.get(info);
    if (known !== undefined) return known;
    const name = `${info.group}/${info.version}/${info.resource}`;
    let slots = this.#byName.get(name);
    if (slots === undefined) this.#byName.set(name, (slots = new Map()));
    this.#byInfo.set(info, slots);
    return slots;
  }

  #add(labels: RequestLabels): RequestSeries {
    const series = new RequestSeries(labels);
    this.#all.push(series);
    return series;
  }
}

/** What stands behind a subresource that there is may be anything. */
function subresourceLabel(info: ResourceInfo, subresource: string): string {
  if (subresource === '' || info.subresources.some(({ name }) => name === subresource)) return subresource;
  return subresource.slice(0, subresource.indexOf('/'));
}

function scopeOf(verb: CountedVerb, namespace: string): string {
  if (!collections.has(verb)) return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}
