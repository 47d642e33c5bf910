/**
 * Requests on their way through the log: gathered into one entry per turn, submitted to the leader, answered when
 * applied.
 *
 * An entry submitted in one term is lost for certain once an entry that begins a later term is applied without it, and
 * is then submitted again; so a request is applied at most once and a change of leaders costs it only time. A request
 * not answered by its deadline fails with etcd's timeout: its outcome is then unknown.
 */
import { PassingMap } from '@timonier/component/passing';
import type { GrpcError } from '@timonier/grpc';
import type { Clock } from './clock.ts';
import { entryBatchCodec, type StoredRequest } from './codecs.ts';
import { etcdError } from './errors.ts';
import type { KnownBugs } from './known-bugs.ts';

interface Waiter {
  readonly resolve: (result: object) => void;
  readonly reject: (error: GrpcError) => void;
  readonly deadline: number;
}

export interface Batch {
  /** Also the id of its first request. */
  readonly id: number;
  readonly requests: readonly StoredRequest[];
  readonly data: Buffer;
}

interface Submitted {
  readonly batch: Batch;
  readonly term: number;
}

export interface ProposalsOptions {
  readonly timeoutMs: number;
  /** Requests that may be waiting at a time. */
  readonly limit: number;
  readonly clock: Clock;
  /** Hands a batch to the leader, and says in which term; undefined when there is no leader to hand it to. */
  readonly submit: (batch: Batch) => number | undefined;
  readonly bugs?: KnownBugs;
  /** Told of each request that has failed, or of which nobody knows what became. */
  readonly failed?: () => void;
}

const maxBatchBytes = 1024 * 1024;

export class Proposals {
  readonly proposer: number;
  readonly #options: ProposalsOptions;
  readonly #waiters = new PassingMap<number, Waiter>();
  readonly #submitted = new PassingMap<number, Submitted>();
  #queue: Batch[] = [];
  #gathering: StoredRequest[] = [];
  #gatheringBytes = 0;
  #nextId = 1;
  #stopped = false;

  constructor(options: ProposalsOptions) {
    this.#options = options;
    this.proposer = 1 + Math.floor(options.clock.random() * (Number.MAX_SAFE_INTEGER - 1));
  }

  get pending(): number {
    return this.#waiters.size;
  }

  /** Resolves with the result of applying the request; rejects with etcd's error. */
  propose(request: Omit<StoredRequest, 'id'>, bytes: number): Promise<object> {
    if (this.#stopped) return Promise.reject(etcdError.stopped());
    if (this.#waiters.size >= this.#options.limit) return Promise.reject(etcdError.tooManyRequests());
    const id = this.#nextId++;
    if (this.#gathering.length > 0 && this.#gatheringBytes + bytes > maxBatchBytes) this.#close();
    if (this.#gathering.length === 0) this.#options.clock.soon(() => this.#flush());
    this.#gathering.push({ ...request, id });
    this.#gatheringBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, {
        resolve,
        reject,
        deadline: this.#options.clock.now() + this.#options.timeoutMs,
      });
    });
  }

  /** Takes the result of a request of this process. */
  applied(id: number, result: object | GrpcError): void {
    this.#submitted.delete(id);
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (result instanceof Error) waiter.reject(result);
    else waiter.resolve(result);
  }

  /** The first entry of `term` was applied: what was submitted in an earlier one will never be. */
  termBegan(term: number): void {
    for (const [id, { batch, term: submittedIn }] of this.#submitted) {
      if (submittedIn > term || (submittedIn === term && this.#options.bugs?.has('submitted-twice') !== true))
        continue;
      this.#submitted.delete(id);
      this.#queue.push(batch);
    }
    this.retry();
  }

  /**
   * The leader of `term` did not take a batch. A refusal may arrive so late that the batch was submitted again since,
   * in a later term: then it says nothing.
   */
  refused(id: number, term: number): void {
    const submitted = this.#submitted.get(id);
    if (submitted === undefined) return;
    if (submitted.term !== term && this.#options.bugs?.has('late-refusal') !== true) return;
    this.#submitted.delete(id);
    this.#queue.push(submitted.batch);
  }

  /** A snapshot replaced the state: what became of submitted requests cannot be known. */
  outcomeLost(): void {
    for (const { batch } of this.#submitted.values()) for (const { id } of batch.requests) this.#lost(id);
    this.#submitted.clear();
  }

  #lost(id: number): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    this.#options.failed?.();
    waiter.reject(etcdError.timeout());
  }

  /** Tries again to hand over what is queued, for example when a leader is known. */
  retry(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const batch of queue) this.#submit(batch);
  }

  /** Fails requests whose time is over. */
  sweep(): void {
    const now = this.#options.clock.now();
    for (const [id, waiter] of this.#waiters) {
      if (waiter.deadline > now) break;
      this.#lost(id);
    }
    this.#queue = this.#queue.filter((batch) => batch.requests.some(({ id }) => this.#waiters.has(id)));
  }

  /** Ends all that wait with an error. */
  stop(): void {
    this.#stopped = true;
    for (const waiter of this.#waiters.values()) waiter.reject(etcdError.stopped());
    this.#waiters.clear();
    this.#submitted.clear();
    this.#queue = [];
  }

  #flush(): void {
    if (this.#gathering.length > 0) this.#close();
    this.retry();
  }

  #close(): void {
    const requests = this.#gathering;
    this.#gathering = [];
    this.#gatheringBytes = 0;
    const data = entryBatchCodec.encode({ proposer: this.proposer, requests });
    this.#queue.push({ id: requests[0]?.id ?? 0, requests, data });
  }

  #submit(batch: Batch): void {
    const term = this.#options.submit(batch);
    if (term === undefined) this.#queue.push(batch);
    // A leader may have refused it at once: then `refused` must find it here.
    else this.#submitted.set(batch.id, { batch, term });
  }
}
