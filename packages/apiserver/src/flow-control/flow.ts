/** A flow schema at work: its level, the hands of its flows, and what is counted of it. */
import type { FlowSchema } from '@timonier/api';
import type { RequestInfo } from '../http/request-info.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { Level } from './level.ts';
import { Buckets } from './buckets.ts';
import type { Rejection } from './queue-set.ts';
import { dealHand } from './shuffle-sharding.ts';

const durations = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const maxKnownFlows = 4_096;
const noHand: readonly number[] = [0];

export class FlowCounts {
  dispatched = 0;
  waiting = 0;
  seatsWaiting = 0;
  executing = 0;
  seatsInUse = 0;
  readonly rejected = new Map<Rejection, number>();
  readonly waited = new Buckets(durations);
  readonly waitedInVain = new Buckets(durations);
  /** By what upstream calls the type of a request. */
  readonly executed = { regular: new Buckets(durations), watch: new Buckets(durations) };
  readonly estimatedSeats = new Buckets([1, 2, 4, 8, 16, 32, 64, 100]);
}

export class Flow {
  readonly schema: FlowSchema;
  readonly name: string;
  readonly uid: string;
  readonly level: Level;
  readonly counts: FlowCounts;
  readonly #distinguisher: string | undefined;
  readonly #hands = new Map<string, readonly number[]>();

  /** `counts` outlive a change of the schema. */
  constructor(schema: FlowSchema, level: Level, counts: FlowCounts) {
    this.schema = schema;
    this.name = schema.metadata?.name ?? '';
    this.uid = schema.metadata?.uid ?? '';
    this.level = level;
    this.counts = counts;
    this.#distinguisher = schema.spec?.distinguisherMethod?.type;
  }

  distinguish(user: User, info: Pick<RequestInfo, 'namespace'>): string {
    if (this.#distinguisher === 'ByUser') return user.name;
    return this.#distinguisher === 'ByNamespace' ? info.namespace : '';
  }

  /** The queues that a flow may use; dealt once. */
  hand(distinguisher: string): readonly number[] {
    const { queues, handSize } = this.level.config;
    if (queues === 0) return noHand;
    let hand = this.#hands.get(distinguisher);
    if (hand === undefined) {
      // Names are the clients' to choose: what is forgotten is dealt again.
      if (this.#hands.size >= maxKnownFlows) this.#hands.clear();
      hand = dealHand(`${this.name},${distinguisher}`, queues, handSize);
      this.#hands.set(distinguisher, hand);
    }
    return hand;
  }
}
