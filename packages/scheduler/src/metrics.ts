/** The scheduler's metrics, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';
export type Queue = 'active' | 'backoff' | 'unschedulable';
/** Where a pod's placement spends its time. */
export type ExtensionPoint = 'PreFilter' | 'Filter' | 'PostFilter' | 'Score' | 'Reserve' | 'Permit' | 'Bind';
export type PointStatus = 'Success' | 'Unschedulable' | 'Error';

export interface SchedulerMetrics {
  /** Seconds of finding a node and, where there was one, of binding. */
  attempt(result: AttemptResult, profile: string, seconds: number): void;
  /** Seconds of finding a node alone. */
  placed(seconds: number): void;
  point(point: ExtensionPoint, status: PointStatus, profile: string, seconds: number): void;
  /** A pod came into a queue because of an event. */
  queued(queue: Queue, event: string): void;
  pending(counts: Readonly<Record<Queue | 'gated', number>>): void;
  cached(counts: { readonly nodes: number; readonly pods: number; readonly assumed: number }): void;
  /** A pod is bound after so many attempts, so many seconds after it was first seen. */
  bound(attempts: number, seconds: number): void;
}

/** `count` bounds, each so many times the one before it. */
function exponential(start: number, factor: number, count: number): number[] {
  // Rounded as if the multiplications had been exact.
  return Array.from({ length: count }, (_, i) => Number((start * factor ** i).toPrecision(12)));
}

const attemptBuckets = exponential(0.001, 2, 15);

export function schedulerMetrics(registry: Registry): SchedulerMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> => new Histogram({ name, help, buckets, labelNames: [...labelNames], registers });
  const attempts = counter('scheduler_schedule_attempts_total', 'Attempts to place a pod, by result.', [
    'result',
    'profile',
  ]);
  const duration = histogram(
    'scheduler_scheduling_attempt_duration_seconds',
    'How long an attempt took: finding a node, and binding.',
    attemptBuckets,
    ['result', 'profile'],
  );
  const algorithm = histogram(
    'scheduler_scheduling_algorithm_duration_seconds',
    'How long finding a node took.',
    attemptBuckets,
  );
  const points = histogram(
    'scheduler_framework_extension_point_duration_seconds',
    'How long all plugins of an extension point took.',
    exponential(0.0001, 2, 12),
    ['extension_point', 'status', 'profile'],
  );
  const sli = histogram(
    'scheduler_pod_scheduling_sli_duration_seconds',
    'How long it took from a pod that may be scheduled to its being bound.',
    exponential(0.01, 2, 20),
    ['attempts'],
  );
  const podAttempts = histogram(
    'scheduler_pod_scheduling_attempts',
    'Attempts that pods needed that are bound.',
    exponential(1, 2, 5),
  );
  const incoming = counter('scheduler_queue_incoming_pods_total', 'Pods that came into a queue, by event.', [
    'queue',
    'event',
  ]);
  const pending = gauge('scheduler_pending_pods', 'Pods that wait, by queue.', ['queue']);
  const cache = gauge('scheduler_cache_size', 'Nodes, pods and assumed pods of the picture of the cluster.', [
    'type',
  ]);
  const bound = counter('timonier_scheduler_bindings_total', 'Pods bound to a node.', []);
  for (const queue of ['active', 'backoff', 'unschedulable', 'gated']) pending.set({ queue }, 0);
  for (const type of ['nodes', 'pods', 'assumed_pods']) cache.set({ type }, 0);
  return {
    attempt(result, profile, seconds) {
      attempts.inc({ result, profile });
      duration.observe({ result, profile }, seconds);
    },
    placed: (seconds) => algorithm.observe(seconds),
    point: (extension_point, status, profile, seconds) =>
      points.observe({ extension_point, status, profile }, seconds),
    queued: (queue, event) => incoming.inc({ queue, event }),
    pending(counts) {
      for (const [queue, count] of Object.entries(counts)) pending.set({ queue }, count);
    },
    cached({ nodes, pods, assumed }) {
      cache.set({ type: 'nodes' }, nodes);
      cache.set({ type: 'pods' }, pods);
      cache.set({ type: 'assumed_pods' }, assumed);
    },
    bound(count, seconds) {
      bound.inc();
      podAttempts.observe(count);
      sli.observe({ attempts: count >= 16 ? '16+' : String(count) }, seconds);
    },
  };
}
