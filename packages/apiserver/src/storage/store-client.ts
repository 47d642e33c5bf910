/**
 * The etcd v3 client of the API server: ranges, transactions and watches, over any of several endpoints.
 *
 * In: endpoints in order of preference (`http(s)://host:port`, `unix:///path`). One is used until it fails; a call
 * that certainly did not reach the store moves on to the next within its deadline. A transaction whose fate is unknown
 * is never repeated: its caller hears `UnknownOutcome`. A watch ends when its endpoint is gone, also without a word: when the
 * endpoint does not answer calls in time while there is another, and when it answers no PING.
 */
import {
  type Beats,
  type BidiStream,
  createClient,
  type GrpcClient,
  GrpcError,
  loadService,
  Status,
} from '@timonier/grpc';
import type {
  Compare,
  KvShape,
  LeaseShape,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnResponse,
  WatchRequest,
  WatchResponse,
  WatchShape,
} from './etcd-messages.ts';
import type { Slots } from './slots.ts';
import { classify, Compacted, isSilence, UnknownOutcome } from './store-failures.ts';
import { PageCounts, type PagedRange, StorePages } from './store-pages.ts';
import { type ValueCodec, ValueSeal } from './value-seal.ts';

export interface StoreTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface StoreClientOptions {
  readonly endpoints: readonly string[];
  readonly tls?: StoreTls;
  /** Deadline of one call, failover included. */
  readonly timeoutMs?: number;
  /** What is stored in another form than it is worked with. */
  readonly codec?: ValueCodec | undefined;
  /** What connections are asked by whether their endpoints are there. Default: the clock. */
  readonly beats?: Beats | undefined;
}

interface Endpoint {
  readonly kv: GrpcClient<KvShape>;
  readonly watch: GrpcClient<WatchShape>;
  readonly lease: GrpcClient<LeaseShape>;
  /** Each ends a watch that runs there. */
  readonly watches: Set<() => void>;
}

const kvService = loadService<KvShape>('etcd/rpc.proto', 'etcdserverpb.KV');
const watchService = loadService<WatchShape>('etcd/rpc.proto', 'etcdserverpb.Watch');
const leaseService = loadService<LeaseShape>('etcd/rpc.proto', 'etcdserverpb.Lease');
const retryPauseMs = 50;
/** Found within twice that; upstream asks after 30 s, and waits 10. Not below the 5 s that etcd wants between questions. */
const keepaliveMs = 10_000;
/** As upstream: a member that has lost the others ends its watches instead of showing nothing any more. */
const leaderRequired = { hasleader: 'true' };
/** Longer answers are refused before they have come: nobody waits for them, and nobody keeps them. */
const maxAnswerBytes = 32 * 1024 * 1024;

export class StoreClient {
  readonly #endpoints: readonly Endpoint[];
  readonly #timeoutMs: number;
  readonly #seal: ValueSeal;
  /** What became of the pages that were asked for. */
  readonly pageCounts = new PageCounts();
  #current = 0;

  constructor({ endpoints, tls, timeoutMs = 5_000, codec, beats }: StoreClientOptions) {
    this.#seal = new ValueSeal(codec);
    if (endpoints.length === 0) throw new Error('the store needs at least one endpoint');
    this.#timeoutMs = timeoutMs;
    this.#endpoints = endpoints.map((endpoint) => {
      const { target, secure } = parseEndpoint(endpoint);
      const options = {
        timeoutMs,
        ...(secure ? { tls: tls ?? {} } : {}),
        // Who is on this machine is there, or its socket is closed.
        ...(target.startsWith('unix:') ? {} : { keepalive: { everyMs: keepaliveMs, beats } }),
      };
      return {
        kv: createClient(kvService, target, { ...options, maxReceiveBytes: maxAnswerBytes }),
        watch: createClient(watchService, target, options),
        lease: createClient(leaseService, target, options),
        watches: new Set(),
      };
    });
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    return this.#seal.openedRange(await this.rangeSealed(request));
  }

  /** The same, with values as they lie in the store. */
  async rangeSealed(request: RangeRequest): Promise<RangeResponse> {
    return this.#attempt((endpoint, timeoutMs) => endpoint.kv.unary('range', request, { timeoutMs }), true);
  }

  /**
   * What may have more bytes than one answer, through a `read` that is one of the two before. With `slots` every page waits for one:
   * for clients, of whom there may be any number. What this process reads for itself is one range at a time, and waits for nobody.
   */
  pages(
    range: PagedRange,
    read: (request: RangeRequest) => Promise<RangeResponse> = (one) => this.range(one),
    slots?: Slots,
  ): StorePages {
    const inTurn = slots === undefined ? read : (one: RangeRequest) => slots.run(() => read(one));
    return new StorePages(inTurn, range, this.pageCounts);
  }

  /** Rejects with `UnknownOutcome` when the connection broke after the request had been sent. */
  async txn(
    compare: readonly Compare[],
    success: readonly RequestOp[],
    failure: readonly RequestOp[],
  ): Promise<TxnResponse> {
    const request = { compare, success: success.map((operation) => this.#seal.sealed(operation)), failure };
    const answer = this.#attempt(
      (endpoint, timeoutMs) => endpoint.kv.unary('txn', request, { timeoutMs }),
      false,
    );
    return this.#seal.openedTxn(answer);
  }

  /**
   * Resolves when whatever is on its way has been carried out, or never will be: who reads the store from then on sees all of
   * it. Rejects when `signal` fires before.
   */
  sealedTxnsEnded(signal?: AbortSignal): Promise<void> {
    return this.#seal.txnsEnded(signal);
  }

  /** Grants a lease under an id of the caller's choice. */
  async grantLease(id: number, seconds: number): Promise<void> {
    await this.#attempt(
      (endpoint, timeoutMs) => endpoint.lease.unary('leaseGrant', { ID: id, TTL: seconds }, { timeoutMs }),
      false,
    );
  }

  /** Forgets what was before `revision`. Rejects with `Compacted` when that has happened already. */
  async compact(revision: number): Promise<void> {
    await this.#attempt(
      (endpoint, timeoutMs) => endpoint.kv.unary('compact', { revision }, { timeoutMs }),
      true,
    );
  }

  /** A stream of watch responses from the endpoint in use; a stream that fails makes the next one go elsewhere. */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchResponse> {
    const index = this.#current;
    const stream: BidiStream<WatchRequest, WatchResponse> = this.#endpoint(index).watch.bidi('watch', {
      signal,
      metadata: leaderRequired,
    });
    stream.write(request);
    return this.#watched(stream, index);
  }

  async *#watched(
    stream: BidiStream<WatchRequest, WatchResponse>,
    index: number,
  ): AsyncGenerator<WatchResponse> {
    const { watches } = this.#endpoint(index);
    let isLeft = false;
    const end = (): void => {
      isLeft = true;
      stream.cancel();
    };
    watches.add(end);
    try {
      for await (const response of stream) yield this.#seal.openedWatch(response);
    } catch (error) {
      if (isLeft) throw new Error('the endpoint does not answer calls', { cause: error });
      this.#leave(index, false);
      throw error;
    } finally {
      watches.delete(end);
    }
  }

  close(): void {
    for (const { kv, watch, lease } of this.#endpoints) {
      kv.close();
      watch.close();
      lease.close();
    }
  }

  async #attempt<T>(
    call: (endpoint: Endpoint, timeoutMs: number) => Promise<T>,
    repeatable: boolean,
  ): Promise<T> {
    const deadline = Date.now() + this.#timeoutMs;
    for (;;) {
      const index = this.#current;
      const left = Math.max(1, deadline - Date.now());
      const given = repeatable ? Math.min(left, this.#timeoutMs / 2) : left;
      try {
        return await call(this.#endpoint(index), given);
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        if (error.code === Status.OUT_OF_RANGE && error.details.includes('compacted')) throw new Compacted(0);
        const failure = classify(error);
        if (failure === 'refused') throw error;
        this.#leave(index, isSilence(error, given >= this.#timeoutMs / 4));
        if (failure === 'unknown' && !repeatable)
          throw new UnknownOutcome(`the store did not answer: ${error.details}`, { cause: error });
        if (Date.now() + retryPauseMs >= deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  #endpoint(index: number): Endpoint {
    const endpoint = this.#endpoints[index];
    if (endpoint === undefined) throw new Error(`no store endpoint ${index}`);
    return endpoint;
  }

  /** Prefers another endpoint from now on, unless somebody else already moved on. Where one is silent nothing is left behind. */
  #leave(index: number, isSilent: boolean): void {
    if (this.#current === index) this.#current = (index + 1) % this.#endpoints.length;
    // Without another endpoint a watch is nowhere better off.
    if (isSilent && this.#current !== index) for (const end of this.#endpoint(index).watches) end();
  }
}

/** Splits an endpoint in etcd's spelling into a gRPC target and whether it wants TLS. */
export function parseEndpoint(endpoint: string): { target: string; secure: boolean } {
  const match = /^(https?|unix|unixs):\/\/(.+)$/.exec(endpoint);
  if (match === null)
    throw new Error(
      `"${endpoint}" is not an endpoint such as https://10.0.0.1:2379 or unix:///run/store.sock`,
    );
  const [, scheme, rest = ''] = match;
  if (scheme === 'unix' || scheme === 'unixs') return { target: `unix:${rest}`, secure: false };
  return { target: rest.replace(/\/$/, ''), secure: scheme === 'https' };
}
