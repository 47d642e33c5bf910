/**
 * EventRateLimit: events that come too fast are refused with 429, of all together, of a namespace, of a user, or about one
 * object from one source. Each of these has a bucket of `burst` tokens that fills with `qps` a second; of the buckets of one
 * limit the least recently used is forgotten beyond `cacheSize`.
 */
import type { Event } from '@timonier/api';
import { aggregated, failure, StatusError } from '@timonier/api/statuses';
import type { AdmissionPlugin, AdmissionRequest } from '../request.ts';

export const limitTypes = ['Server', 'Namespace', 'User', 'SourceAndObject'] as const;

export interface EventLimit {
  readonly type: (typeof limitTypes)[number];
  readonly qps: number;
  readonly burst: number;
  readonly cacheSize: number;
}

interface Bucket {
  tokens: number;
  /** Milliseconds. */
  at: number;
}

export class EventBuckets {
  readonly #limit: EventLimit;
  /** The most recently used last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: EventLimit) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of a key's bucket at a time in milliseconds; false when there is none. */
  take(key: string, now: number): boolean {
    const { qps, burst, cacheSize } = this.#limit;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * qps);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > cacheSize && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

export function eventRateLimit(limits: readonly EventLimit[]): AdmissionPlugin {
  const enforced = limits.map((limit) => ({ type: limit.type, buckets: new EventBuckets(limit) }));
  return {
    name: 'EventRateLimit',
    isOffByDefault: true,
    operations: ['CREATE', 'UPDATE'],
    // As upstream, which leaves those of `events.k8s.io` alone.
    resources: ['/events'],
    validate(request) {
      // Limits are there to spare the store, which a dry run does not touch.
      if (request.context.dryRun) return;
      const now = request.context.server.now();
      // Each is asked, whatever the others say.
      const refused = enforced.flatMap(({ type, buckets }) => {
        const key = keys[type](request);
        return buckets.take(key, now) ? [] : [`limit reached on type ${type} for key ${key}`];
      });
      if (refused.length > 0)
        throw new StatusError(failure(429, 'TooManyRequests', `Too many requests: ${aggregated(refused)}`));
    },
  };
}

const keys: Readonly<Record<EventLimit['type'], (request: AdmissionRequest) => string>> = {
  Server: () => '',
  Namespace: ({ context }) => context.target.namespace,
  User: ({ context }) => context.user.name,
  SourceAndObject: ({ object }) => aboutOf(object),
};

function aboutOf(event: Partial<Event> | undefined): string {
  const { component = '', host = '' } = event?.source ?? {};
  const { kind = '', namespace = '', name = '', uid = '', apiVersion = '' } = event?.involvedObject ?? {};
  return [component, host, kind, namespace, name, uid, apiVersion].join('');
}
