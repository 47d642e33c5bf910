/**
 * How long admission takes: each plugin, each step of them all, and the webhooks of others, which are called over the
 * network and so are counted by the library's own metrics. Names of plugins are the server's, names of webhooks an
 * administrator's.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Operation } from '../admission/operation.ts';
import { Buckets, type Sample } from '../flow-control/buckets.ts';
import { registerPlain } from './plain-metric.ts';

export type AdmissionType = 'admit' | 'validate';

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const webhookBounds = [...bounds, 10, 25];

/** Of one plugin, or one step, and one operation. */
export class AdmissionTimes {
  readonly labels: Readonly<Record<string, string>>;
  readonly #passed = new Buckets(bounds);
  readonly #rejected = new Buckets(bounds);

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  /** `since` as `performance.now` told it at the beginning. */
  ended(since: number, isRejected: boolean): void {
    (isRejected ? this.#rejected : this.#passed).observe((performance.now() - since) / 1_000);
  }

  samples(name: string): Sample[] {
    const kinds = [
      ['false', this.#passed],
      ['true', this.#rejected],
    ] as const;
    return kinds.flatMap(([rejected, buckets]) =>
      buckets.count > 0 ? buckets.samples(name, { ...this.labels, rejected }) : [],
    );
  }
}

/** What a webhook said, or why it said nothing. */
export interface WebhookOutcome {
  readonly rejected: boolean;
  /** Present when the request was refused. */
  readonly rejection?: { readonly errorType: 'no_error' | 'calling_webhook_error'; readonly code: number };
  /** HTTP's, of the call. */
  readonly code: number;
  /** It could not be asked, and does not have to be. */
  readonly failedOpen?: boolean;
}

export class AdmissionMetrics {
  readonly #plugins = new Map<string, AdmissionTimes>();
  readonly #steps = new Map<string, AdmissionTimes>();
  readonly #stepsByOperation: Readonly<Record<Operation, Partial<Record<AdmissionType, AdmissionTimes>>>> = {
    CREATE: {},
    UPDATE: {},
    DELETE: {},
    CONNECT: {},
  };
  readonly #webhook: (
    name: string,
    type: AdmissionType,
    operation: string,
    seconds: number,
    outcome: WebhookOutcome,
  ) => void;

  constructor(registry: Registry) {
    const histogram = (name: string, help: string, times: ReadonlyMap<string, AdmissionTimes>): void =>
      registerPlain(registry, { name, type: 'histogram', help }, () =>
        [...times.values()].flatMap((one) => one.samples(name)),
      );
    histogram(
      'apiserver_admission_controller_admission_duration_seconds',
      'Seconds in one admission plugin.',
      this.#plugins,
    );
    histogram(
      'apiserver_admission_step_admission_duration_seconds',
      'Seconds in all plugins of a step.',
      this.#steps,
    );
    this.#webhook = webhookMetrics(registry);
  }

  plugin(name: string, operation: Operation, type: AdmissionType): AdmissionTimes {
    return timesOf(this.#plugins, { name, operation, type });
  }

  /** Looked up for every write, so by position and without making text. */
  step(operation: Operation, type: AdmissionType): AdmissionTimes {
    const known = this.#stepsByOperation[operation];
    return (known[type] ??= timesOf(this.#steps, { operation, type }));
  }

  /** A webhook was called. */
  called(name: string, type: AdmissionType, operation: string, since: number, outcome: WebhookOutcome): void {
    this.#webhook(name, type, operation, (performance.now() - since) / 1_000, outcome);
  }
}

function timesOf(known: Map<string, AdmissionTimes>, labels: Record<string, string>): AdmissionTimes {
  const key = Object.values(labels).join();
  let times = known.get(key);
  if (times === undefined) known.set(key, (times = new AdmissionTimes(labels)));
  return times;
}

function webhookMetrics(
  registry: Registry,
): (name: string, type: AdmissionType, operation: string, seconds: number, outcome: WebhookOutcome) => void {
  const registers = [registry];
  const prefix = 'apiserver_admission_webhook';
  const duration = new Histogram({
    name: `${prefix}_admission_duration_seconds`,
    help: 'Seconds until an admission webhook had answered.',
    labelNames: ['name', 'operation', 'rejected', 'type'],
    buckets: webhookBounds,
    registers,
  });
  const requests = new Counter({
    name: `${prefix}_request_total`,
    help: 'Calls of admission webhooks.',
    labelNames: ['code', 'name', 'operation', 'rejected', 'type'],
    registers,
  });
  const rejections = new Counter({
    name: `${prefix}_rejection_count`,
    help: 'Requests that an admission webhook refused, or that were refused for want of its answer.',
    labelNames: ['error_type', 'name', 'operation', 'rejection_code', 'type'],
    registers,
  });
  const failedOpen = new Counter({
    name: `${prefix}_fail_open_count`,
    help: 'Requests that passed although an admission webhook could not be asked.',
    labelNames: ['name', 'type'],
    registers,
  });
  return (name, type, operation, seconds, outcome) => {
    const rejected = String(outcome.rejected);
    duration.observe({ name, operation, rejected, type }, seconds);
    requests.inc({ name, operation, rejected, type, code: String(outcome.code) });
    if (outcome.failedOpen === true) failedOpen.inc({ name, type });
    const { rejection } = outcome;
    if (rejection === undefined) return;
    const { errorType: error_type, code } = rejection;
    rejections.inc({ name, operation, type, error_type, rejection_code: String(code) });
  };
}
