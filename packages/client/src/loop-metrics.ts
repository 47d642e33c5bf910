/** Metrics of control loops under their upstream names, for one registry. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WorkQueueMetrics } from './work-queue.ts';

const seconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** `workqueue_*` as every upstream controller exposes them. */
export function workQueueMetrics(registry: Registry): WorkQueueMetrics {
  const registers = [registry];
  const labelNames = ['name'] as const;
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys waiting.', labelNames, registers });
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', labelNames, registers });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys repeated after a failure.',
    labelNames,
    registers,
  });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long keys waited.',
    labelNames,
    buckets: seconds,
    registers,
  });
  const took = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long processing a key took.',
    labelNames,
    buckets: seconds,
    registers,
  });
  return {
    depth: (name, value) => depth.set({ name }, value),
    added: (name) => adds.inc({ name }),
    retried: (name) => retries.inc({ name }),
    processed: (name, waitedFor, tookFor) => {
      waited.observe({ name }, waitedFor);
      took.observe({ name }, tookFor);
    },
  };
}

/** `timonier_office_active`: 1 while the loops of this process act. */
export function officeGauge(registry: Registry): (active: 0 | 1) => void {
  const gauge = new Gauge({
    name: 'timonier_office_active',
    help: '1 while the loops of this process hold the office and act.',
    registers: [registry],
  });
  gauge.set(0);
  return (active) => gauge.set(active);
}
