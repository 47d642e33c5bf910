/** Metrics of control loops under their upstream names, for one registry. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { WorkQueueMetrics } from './work-queue.ts';

/** Powers of ten: keys of a quiet queue wait for microseconds. */
const seconds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10];

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
  const running = new Map<string, () => readonly number[]>();
  const ofRunning = (name: string, help: string, read: (ages: readonly number[]) => number): void => {
    const gauge: Gauge<'name'> = new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        for (const [queue, ages] of running) gauge.set({ name: queue }, read(ages()));
      },
    });
  };
  ofRunning('workqueue_unfinished_work_seconds', 'Seconds of work under way, of all keys together.', (ages) =>
    ages.reduce((sum, age) => sum + age, 0),
  );
  ofRunning('workqueue_longest_running_processor_seconds', 'Seconds that the oldest work has run.', (ages) =>
    Math.max(0, ...ages),
  );
  return {
    made: (name, ages) => {
      running.set(name, ages);
      depth.set({ name }, 0);
      adds.inc({ name }, 0);
      retries.inc({ name }, 0);
      waited.zero({ name });
      took.zero({ name });
    },
    depth: (name, value) => depth.set({ name }, value),
    added: (name) => adds.inc({ name }),
    retried: (name) => retries.inc({ name }),
    processed: (name, waitedFor, tookFor) => {
      waited.observe({ name }, waitedFor);
      took.observe({ name }, tookFor);
    },
  };
}

/**
 * 1 while the loops of this process act: `timonier_office_active`, and upstream's `leader_election_master_status`
 * with the name that upstream's program has.
 */
export function officeGauge(registry: Registry, program: string): (active: 0 | 1) => void {
  const registers = [registry];
  const gauge = new Gauge({
    name: 'timonier_office_active',
    help: '1 while the loops of this process hold the office and act.',
    registers,
  });
  const leading = new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process leads.',
    labelNames: ['name'],
    registers,
  });
  const set = (active: 0 | 1): void => {
    gauge.set(active);
    leading.set({ name: program }, active);
  };
  set(0);
  return set;
}
