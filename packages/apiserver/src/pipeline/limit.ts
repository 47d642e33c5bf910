/**
 * The stage that lets a request in when there is room for it: by priority and fairness, or by two plain limits when
 * that is switched off. A watch holds its seat until it has begun; streams hold none.
 */
import type { ResourceInfo } from '@timonier/api';
import type { FlowControl } from '../flow-control/flow-control.ts';
import type { InFlight } from '../flow-control/in-flight.ts';
import { WatchCounts } from '../flow-control/watch-counts.ts';
import { estimateList, estimateWrite, oneSeat, type WorkEstimate } from '../flow-control/work-estimate.ts';
import { profilePages } from '../debug/paths.ts';
import type { Exchange } from '../http/exchange.ts';
import { isTrue, type RequestInfo } from '../http/request-info.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from './authenticate.ts';

export type Limiter =
  | { readonly kind: 'fair'; readonly control: FlowControl }
  | { readonly kind: 'plain'; readonly inFlight: InFlight };

const text = 'Too many requests, please try again later.';
const streams: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
const writes: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Requests that last as long as the client wants. */
export function isStream({ subresource, path }: Pick<RequestInfo, 'subresource' | 'path'>): boolean {
  return streams.has(subresource) || path.startsWith(profilePages);
}

export class LimitStage {
  readonly #limiter: Limiter;
  readonly #cache: WatchCache;
  readonly #watches = new WatchCounts();

  constructor(limiter: Limiter, cache: WatchCache) {
    this.#limiter = limiter;
    this.#cache = cache;
  }

  /** What to call when the request is answered; undefined when it was refused, and has its answer. */
  async enter(exchange: Exchange, user: User, info: RequestInfo): Promise<(() => void) | undefined> {
    if (isStream(info)) return () => undefined;
    const isWatch = info.verb === 'watch' && info.resource !== undefined;
    if (this.#limiter.kind === 'plain') {
      if (isWatch) return () => undefined;
      const release = this.#limiter.inFlight.admit(writes.has(info.verb) ? 'mutating' : 'readOnly', user);
      if (release === undefined) await refuse(exchange, 1);
      return release;
    }
    const given = this.#limiter.control.admit({
      user,
      info,
      // No accessor: V8 makes a shape of its own for each object that is written with one, which keeps what it refers to.
      signal: () => exchange.signal,
      estimate: (widest) => this.#estimate(exchange, info, widest),
    });
    const admission = given instanceof Promise ? await given : given;
    const { flow } = admission;
    if (flow.uid !== '') exchange.headers['x-kubernetes-pf-flowschema-uid'] = flow.uid;
    if (flow.level.config.uid !== '')
      exchange.headers['x-kubernetes-pf-prioritylevel-uid'] = flow.level.config.uid;
    if ('rejected' in admission) {
      await refuse(exchange, admission.retryAfterSeconds);
      return undefined;
    }
    if (!isWatch) return admission.release;
    const selector = exchange.query.get('fieldSelector') ?? '';
    const forget = this.#watches.add(info, selector.includes('spec.nodeName='));
    exchange.onBegun = admission.release;
    return () => {
      admission.release();
      forget();
    };
  }

  #estimate(exchange: Exchange, info: RequestInfo, widest: number): WorkEstimate {
    const { verb, served } = info;
    if (served === undefined || served.subresource !== '') return oneSeat;
    if (writes.has(verb)) return estimateWrite(this.#watches.concernedBy(info), widest);
    if (verb !== 'list' && verb !== 'watch') return oneSeat;
    const { query } = exchange;
    const isWatch = verb === 'watch';
    if (isWatch && !isTrue(query.get('sendInitialEvents'))) return oneSeat;
    return estimateList(
      {
        isWatch,
        isSingle: info.name !== '',
        hasSelector: has(query, 'labelSelector') || has(query, 'fieldSelector'),
        limit: Number(query.get('limit') ?? 0) || 0,
        match: query.get('resourceVersionMatch') ?? '',
        hasContinue: has(query, 'continue'),
      },
      this.#sizeOf(served.info),
      widest,
    );
  }

  #sizeOf({ storagePrefix }: ResourceInfo): { count: number; bytes: number } {
    const { index, size } = this.#cache.resource(storagePrefix ?? '');
    return { count: index.size, bytes: size.bytes };
  }
}

function has(query: URLSearchParams, name: string): boolean {
  return (query.get(name) ?? '') !== '';
}

async function refuse(exchange: Exchange, retryAfterSeconds: number): Promise<void> {
  await exchange.send(429, 'text/plain; charset=utf-8', `${text}\n`, {
    'retry-after': String(retryAfterSeconds),
    'x-content-type-options': 'nosniff',
  });
}
