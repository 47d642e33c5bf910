/**
 * When a control loop may act. A *term* is a stretch of time in which this host holds the office and every cache
 * that the loops read has reached the revision at which the office was taken; its token is fixed before any cache
 * is read, and goes with every write decided in it.
 *
 * Without an office (a component run by hand) there is one term without a token, from the first sync to the end.
 */
import { Backoff, pause } from './backoff.ts';
import type { CatchingInformer } from './informer.ts';
import type { Office } from './office.ts';
import type { KubeObject, WriteOptions } from './types.ts';

export interface Term {
  /** Goes with every write: `client.update(type, object, term.write)`. */
  readonly write: Pick<WriteOptions, 'office' | 'signal'>;
  /** Aborted when the term is over. */
  readonly signal: AbortSignal;
}

export interface Stoppable {
  stop(): Promise<void>;
}

export interface LeadOptions {
  readonly office?: Office | undefined;
  /** Every cache the loops read. */
  readonly informers: readonly Pick<CatchingInformer<KubeObject>, 'synced' | 'catchUp'>[];
  /** Starts the loops of a term. What it returns is stopped when the term ends. */
  readonly start: (term: Term) => Stoppable | Promise<Stoppable>;
  readonly onError: (error: unknown) => void;
  /** Told 1 when a term starts and 0 when it ends. */
  readonly onActive?: (active: 0 | 1) => void;
}

/**
 * How long a cache may take to show a new office's revision by itself before it lists anew. The API server sends a
 * bookmark to every watch when its master takes the office, so that lists are for watches that broke.
 */
const patienceMs = 1_000;
/**
 * How long the loops of a new office leave the processor to the clients that waited for it: an API server that has just
 * become the active one is asked by everybody at once, and decisions are no worse for coming a moment later.
 */
const settleMs = 200;

class Leader implements Stoppable {
  readonly #options: LeadOptions;
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #change = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: LeadOptions) {
    this.#options = options;
    this.#unsubscribe = options.office?.onChange(() => this.#change.abort()) ?? (() => undefined);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#change.abort();
    this.#unsubscribe();
    await this.#running;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(50, 2_000);
    while (!this.#stopping.signal.aborted) {
      this.#change = new AbortController();
      const { office } = this.#options;
      if (office !== undefined && !office.holds()) {
        await untilAborted(this.#change.signal);
        continue;
      }
      try {
        await this.#term(office, this.#change.signal);
        backoff.reset();
      } catch (error) {
        if (this.#change.signal.aborted) continue;
        this.#options.onError(error);
        await pause(backoff.next(), this.#change.signal);
      }
    }
  }

  async #term(office: Office | undefined, signal: AbortSignal): Promise<void> {
    const token = office?.state.token ?? undefined;
    const revision = office?.state.revision ?? 0;
    await Promise.all([
      office === undefined ? undefined : pause(settleMs, signal),
      ...this.#options.informers.map((informer) => informer.catchUp(revision, signal, patienceMs)),
    ]);
    if (signal.aborted || (office !== undefined && !office.holds())) return;
    const term: Term = { signal, write: token === undefined ? { signal } : { office: token, signal } };
    this.#options.onActive?.(1);
    try {
      const loops = await this.#options.start(term);
      await untilAborted(signal);
      await loops.stop();
    } finally {
      this.#options.onActive?.(0);
    }
  }
}

/** Runs loops while the office is held; `stop` ends a running term first. */
export function lead(options: LeadOptions): Stoppable {
  return new Leader(options);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
