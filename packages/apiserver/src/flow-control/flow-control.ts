/**
 * Priority and fairness: every request belongs to a flow, every flow to a priority level, and each level has its own
 * share of the server's seats, so that whoever floods the server waits in queues of its own.
 *
 * In: requests with their users, and the flow schemas and priority levels in the watch cache, looked at anew when they
 * have changed. Out: a seat, now or later, or a refusal. Invariant: a seat that was given is released exactly once,
 * whatever becomes of the request.
 */
import type { FlowSchema, PolicyRulesWithSubjects, PriorityLevelConfiguration } from '@timonier/api';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { User } from '../pipeline/authenticate.ts';
import { borrow } from './borrowing.ts';
import { digest, type FlowConfiguration } from './configuration.ts';
import { Flow, FlowCounts } from './flow.ts';
import { Level } from './level.ts';
import { type MatchedRequest, matchesRules, rulesFor } from './matching.ts';
import type { Entry, Rejection } from './queue-set.ts';
import { maxSeatsOf, type WorkEstimate } from './work-estimate.ts';

export interface FlowControlOptions {
  readonly cache: WatchCache;
  /** Seats of the whole server. */
  readonly seats: number;
  readonly waitLimitMs: number;
}

export interface FlowRequest {
  readonly user: User;
  readonly info: MatchedRequest;
  /** Asked for only if the request has to wait. */
  readonly signal: () => AbortSignal;
  /** How wide the request is, on a level whose requests may be at most `widest` seats wide. */
  readonly estimate: (widest: number) => WorkEstimate;
}

export type Admission = { readonly flow: Flow } & (
  | { readonly release: () => void }
  | { readonly rejected: Rejection; readonly retryAfterSeconds: number }
);

/** A request that waits or is served, for whoever looks. */
export interface KnownRequest {
  readonly flow: Flow;
  readonly distinguisher: string;
  readonly request: FlowRequest;
  readonly entry: Entry;
}

interface Candidate {
  readonly flow: Flow;
  readonly rules: readonly PolicyRulesWithSubjects[];
}

const period = 10_000;
const prefixes = ['flowschemas', 'prioritylevelconfigurations'] as const;

export class FlowControl {
  readonly #options: FlowControlOptions;
  #levels = new Map<string, Level>();
  #flows: readonly Flow[] = [];
  #configuration: FlowConfiguration | undefined;
  #candidates = new WeakMap<User, readonly Candidate[]>();
  readonly #counts = new Map<string, FlowCounts>();
  readonly #waiting = new Set<KnownRequest>();
  readonly #sources: (ResourceCache | undefined)[] = [undefined, undefined];
  readonly #sequences = [-1, -1];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FlowControlOptions) {
    this.#options = options;
  }

  get levels(): readonly Level[] {
    this.#follow();
    return [...this.#levels.values()];
  }

  get flows(): readonly Flow[] {
    this.#follow();
    return this.#flows;
  }

  /** Those that wait. */
  get waiting(): Iterable<KnownRequest> {
    return this.#waiting;
  }

  /** Names of schemas whose level is not there. */
  get dangling(): ReadonlySet<string> {
    this.#follow();
    return this.#configuration?.dangling ?? new Set();
  }

  /** Begins to let levels borrow from each other. */
  start(): void {
    this.#timer = setInterval(() => this.rebalance(), period).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Divides the seats anew, after what was wanted since the last time. */
  rebalance(): void {
    const now = performance.now();
    const levels = this.levels;
    const limits = borrow(levels.map((level) => ({ config: level.config, demand: level.takeDemand(now) })));
    for (const [i, level] of levels.entries()) {
      const { limit = level.limit, target = 0 } = limits[i] ?? {};
      level.lend(limit, target, now);
    }
  }

  /** A seat at once where there is one, which is the usual case; else a promise of one or of a refusal. */
  admit(request: FlowRequest): Admission | Promise<Admission> {
    const flow = this.#classify(request);
    const { level, counts } = flow;
    const now = performance.now();
    const estimate = request.estimate(level.widest);
    const seats = maxSeatsOf(estimate);
    counts.estimatedSeats.observe(seats);
    const distinguisher = flow.distinguish(request.user, request.info);
    let wake: () => void = () => undefined;
    const queued = { estimate, dispatch: () => wake() };
    const entry = level.set.start(queued, flow.hand(distinguisher), now);
    level.noteDemand(now);
    if (typeof entry === 'string') return this.#refuse(flow, entry);
    if (entry.state === 'executing') {
      counts.waited.observe(0);
      return this.#seat(flow, request, entry, seats, now);
    }
    const signal = request.signal();
    return new Promise((resolve) => {
      const known: KnownRequest = { flow, distinguisher, request, entry };
      this.#waiting.add(known);
      counts.waiting++;
      counts.seatsWaiting += seats;
      const settle = (answer: () => Admission): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        this.#waiting.delete(known);
        counts.waiting--;
        counts.seatsWaiting -= seats;
        resolve(answer());
      };
      const giveUp = (reason: Rejection): void => {
        const then = performance.now();
        if (!level.set.giveUp(entry, then)) return;
        level.noteDemand(then);
        counts.waitedInVain.observe((then - now) / 1_000);
        settle(() => this.#refuse(flow, reason));
      };
      const leave = (): void => giveUp('cancelled');
      const timer = setTimeout(() => giveUp('time-out'), this.#options.waitLimitMs);
      signal.addEventListener('abort', leave, { once: true });
      wake = () =>
        settle(() => {
          const then = performance.now();
          counts.waited.observe((then - now) / 1_000);
          return this.#seat(flow, request, entry, seats, then);
        });
      if (signal.aborted) leave();
    });
  }

  #seat(flow: Flow, { info }: FlowRequest, entry: Entry, seats: number, started: number): Admission {
    const { level, counts } = flow;
    const executed = info.verb === 'watch' ? counts.executed.watch : counts.executed.regular;
    counts.dispatched++;
    counts.executing++;
    counts.seatsInUse += seats;
    let isReleased = false;
    const free = (): void => {
      counts.seatsInUse -= seats;
      level.noteDemand(performance.now());
    };
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      const now = performance.now();
      counts.executing--;
      executed.observe((now - started) / 1_000);
      const lingers = level.set.finish(entry, now);
      if (lingers === 0) return free();
      setTimeout(() => {
        level.set.release(entry, performance.now());
        free();
      }, lingers);
    };
    return { flow, release };
  }

  #refuse(flow: Flow, rejected: Rejection): Admission {
    const { level, counts } = flow;
    counts.rejected.set(rejected, (counts.rejected.get(rejected) ?? 0) + 1);
    level.retryAfter.record(Math.floor(Date.now() / 1_000));
    return { flow, rejected, retryAfterSeconds: level.retryAfter.seconds };
  }

  #classify({ user, info }: FlowRequest): Flow {
    this.#follow();
    let candidates = this.#candidates.get(user);
    if (candidates === undefined) {
      candidates = this.#flows.flatMap((flow) => {
        const rules = rulesFor(flow.schema, user);
        return rules.length === 0 ? [] : [{ flow, rules }];
      });
      this.#candidates.set(user, candidates);
    }
    for (const { flow, rules } of candidates) if (matchesRules(rules, info)) return flow;
    // Every user is authenticated or not, and the last schema takes both; only one without any group is left.
    const last = this.#flows.at(-1);
    if (last === undefined) throw new Error('there are no flow schemas, not even the mandatory ones');
    return last;
  }

  /** Looks at the cluster's objects when they have changed. */
  #follow(): void {
    const { cache } = this.#options;
    let isCurrent = this.#configuration !== undefined;
    for (const [i, prefix] of prefixes.entries()) {
      const resource = cache.resource(prefix);
      const { nextSequence } = resource.log;
      if (this.#sources[i] === resource && this.#sequences[i] === nextSequence) continue;
      this.#sources[i] = resource;
      this.#sequences[i] = nextSequence;
      isCurrent = false;
    }
    if (!isCurrent) this.#configure();
  }

  #configure(): void {
    const now = performance.now();
    const all = <T>(source: ResourceCache | undefined): T[] =>
      [...(source?.index.values() ?? [])].map((stored) => stored.object() as T);
    const [schemas, priorities] = this.#sources;
    const configuration = digest(
      all<FlowSchema>(schemas),
      all<PriorityLevelConfiguration>(priorities),
      this.#options.seats,
    );
    const levels = new Map<string, Level>();
    for (const config of configuration.levels) {
      const level = this.#levels.get(config.name);
      level?.configure(config, now);
      levels.set(config.name, level ?? new Level(config, now));
    }
    // Whoever still waits in a level that is gone is served by it; nobody new comes to it.
    this.#levels = levels;
    const known = new Set<string>();
    this.#flows = configuration.schemas.flatMap(({ schema, level: { name } }) => {
      const level = levels.get(name);
      if (level === undefined) return [];
      const key = `${name} ${schema.metadata?.name ?? ''}`;
      known.add(key);
      const counts = this.#counts.get(key) ?? new FlowCounts();
      this.#counts.set(key, counts);
      return [new Flow(schema, level, counts)];
    });
    for (const key of this.#counts.keys()) if (!known.has(key)) this.#counts.delete(key);
    this.#candidates = new WeakMap();
    this.#configuration = configuration;
  }
}
