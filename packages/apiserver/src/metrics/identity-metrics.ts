/** How well clients made themselves known, and how long it took to find out who they are and what they may. */
import type { Registry } from 'prom-client';
import { Buckets } from '../flow-control/buckets.ts';
import { registerPlain } from './plain-metric.ts';

const seconds = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];
const hour = 3_600;
const day = 24 * hour;
const lifetimes = [
  0,
  hour / 2,
  hour,
  2 * hour,
  6 * hour,
  12 * hour,
  day,
  2 * day,
  4 * day,
  7 * day,
  30 * day,
  90 * day,
  180 * day,
  360 * day,
];

export type AuthenticationResult = 'success' | 'failure' | 'error';
export type AuthorizationResult = 'allowed' | 'denied' | 'no-opinion' | 'error';

/** Of each outcome, how often and how long it took. */
class Outcomes<R extends string> {
  readonly #seconds = new Map<R, Buckets>();

  constructor(registry: Registry, attempts: string, duration: string, what: string) {
    registerPlain(registry, { name: attempts, type: 'counter', help: `${what}, by outcome.` }, () =>
      [...this.#seconds].map(([result, { count }]) => ({ labels: { result }, value: count })),
    );
    registerPlain(registry, { name: duration, type: 'histogram', help: `Seconds of ${what}.` }, () =>
      [...this.#seconds].flatMap(([result, buckets]) => buckets.samples(duration, { result })),
    );
  }

  count(result: R): number {
    return this.#seconds.get(result)?.count ?? 0;
  }

  observe(result: R, milliseconds: number): void {
    let buckets = this.#seconds.get(result);
    if (buckets === undefined) this.#seconds.set(result, (buckets = new Buckets(seconds)));
    buckets.observe(milliseconds / 1_000);
  }
}

export class IdentityMetrics {
  readonly authentication: Outcomes<AuthenticationResult>;
  readonly authorization: Outcomes<AuthorizationResult>;
  readonly #lifetimes = new Buckets(lifetimes);

  constructor(registry: Registry) {
    this.authentication = new Outcomes(
      registry,
      'authentication_attempts',
      'authentication_duration_seconds',
      'attempts to be known',
    );
    this.authorization = new Outcomes(
      registry,
      'authorization_attempts_total',
      'authorization_duration_seconds',
      'decisions whether a request may come in',
    );
    registerPlain(
      registry,
      {
        name: 'authenticated_user_requests',
        type: 'counter',
        help: 'Requests of users that are known; names of users are not told.',
      },
      () => [{ labels: { username: 'other' }, value: this.authentication.count('success') }],
    );
    const expiration = 'apiserver_client_certificate_expiration_seconds';
    registerPlain(
      registry,
      {
        name: expiration,
        type: 'histogram',
        help: 'Seconds that the certificate of a request’s client is still valid.',
      },
      () => this.#lifetimes.samples(expiration, {}),
    );
  }

  /** A request came with a certificate that is valid until then, in milliseconds since the epoch. */
  usedCertificate(validUntil: number): void {
    this.#lifetimes.observe((validUntil - Date.now()) / 1_000);
  }
}
