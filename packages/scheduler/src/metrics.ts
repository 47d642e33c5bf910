/** The scheduler's metrics, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface SchedulerMetrics {
  attempt(result: 'scheduled' | 'unschedulable' | 'error', profile: string, seconds: number): void;
  pending(counts: { active: number; backoff: number; unschedulable: number }): void;
  bound(): void;
}

export function schedulerMetrics(registry: Registry): SchedulerMetrics {
  const registers = [registry];
  const labelNames = ['result', 'profile'] as const;
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to place a pod, by result.',
    labelNames,
    registers,
  });
  const duration = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'How long finding a node took.',
    labelNames,
    buckets: [0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers,
  });
  const pending = new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait, by queue.',
    labelNames: ['queue'] as const,
    registers,
  });
  const bound = new Counter({
    name: 'timonier_scheduler_bindings_total',
    help: 'Pods bound to a node.',
    registers,
  });
  return {
    attempt(result, profile, seconds) {
      attempts.inc({ result, profile });
      if (result !== 'error') duration.observe({ result, profile }, seconds);
    },
    pending({ active, backoff, unschedulable }) {
      pending.set({ queue: 'active' }, active);
      pending.set({ queue: 'backoff' }, backoff);
      pending.set({ queue: 'unschedulable' }, unschedulable);
    },
    bound: () => bound.inc(),
  };
}
