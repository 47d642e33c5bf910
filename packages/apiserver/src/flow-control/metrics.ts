/**
 * What priority and fairness tells Prometheus, under upstream's names. Requests only add to plain numbers; the metrics
 * are made of them when somebody asks.
 */
import type { Registry } from 'prom-client';
import { registerPlain } from '../metrics/plain-metric.ts';
import type { Buckets, Sample } from './buckets.ts';
import type { FlowControl } from './flow-control.ts';
import type { Flow, FlowCounts } from './flow.ts';
import type { Level } from './level.ts';

const prefix = 'apiserver_flowcontrol_';

type Labels = Record<string, string>;

export function exposeFlowControl(registry: Registry, control: FlowControl): void {
  const add = (
    name: string,
    type: 'counter' | 'gauge' | 'histogram',
    help: string,
    samples: (name: string) => Sample[],
  ): void => {
    const full = `${prefix}${name}`;
    registerPlain(registry, { name: full, type, help }, () => samples(full));
  };
  const ofFlows = (value: (counts: FlowCounts) => number) => () =>
    control.flows.map((flow) => ({ labels: labelsOf(flow), value: value(flow.counts) }));
  const ofLevels = (value: (level: Level) => number) => () =>
    control.levels.map((level) => ({
      labels: { priority_level: level.config.name },
      value: value(level),
    }));
  const histogram =
    (parts: (counts: FlowCounts) => readonly (readonly [Labels, Buckets])[]) => (name: string) =>
      control.flows.flatMap((flow) =>
        parts(flow.counts)
          .filter(([, buckets]) => buckets.count > 0)
          .flatMap(([labels, buckets]) => buckets.samples(name, { ...labelsOf(flow), ...labels })),
      );
  add(
    'dispatched_requests_total',
    'counter',
    'Requests that were let through.',
    ofFlows(({ dispatched }) => dispatched),
  );
  add('rejected_requests_total', 'counter', 'Requests that were turned away.', () =>
    control.flows.flatMap((flow) =>
      [...flow.counts.rejected].map(([reason, value]) => ({
        labels: { ...labelsOf(flow), reason },
        value,
      })),
    ),
  );
  add(
    'current_inqueue_requests',
    'gauge',
    'Requests that wait.',
    ofFlows(({ waiting }) => waiting),
  );
  add(
    'current_inqueue_seats',
    'gauge',
    'Seats that the waiting requests want.',
    ofFlows(({ seatsWaiting }) => seatsWaiting),
  );
  add(
    'current_executing_requests',
    'gauge',
    'Requests being served, watches until they have begun.',
    ofFlows(({ executing }) => executing),
  );
  add(
    'current_executing_seats',
    'gauge',
    'Seats in use.',
    ofFlows(({ seatsInUse }) => seatsInUse),
  );
  add(
    'request_wait_duration_seconds',
    'histogram',
    'Seconds in a queue, whether or not the request was served then.',
    histogram(({ waited, waitedInVain }) => [
      [{ execute: 'true' }, waited],
      [{ execute: 'false' }, waitedInVain],
    ]),
  );
  add(
    'request_execution_seconds',
    'histogram',
    'Seconds of being served, watches until they have begun.',
    histogram(({ executed }) => [
      [{ type: 'regular' }, executed.regular],
      [{ type: 'watch' }, executed.watch],
    ]),
  );
  add(
    'work_estimated_seats',
    'histogram',
    'Seats that requests were expected to need.',
    histogram(({ estimatedSeats }) => [[{}, estimatedSeats]]),
  );
  const levelGauges: readonly (readonly [string, string, (level: Level) => number])[] = [
    ['nominal_limit_seats', 'Seats of a level before lending and borrowing.', ({ config }) => config.nominal],
    ['lower_limit_seats', 'Seats that a level keeps whatever others borrow.', ({ config }) => config.least],
    ['upper_limit_seats', 'Seats that a level may have with borrowed ones.', ({ config }) => config.most],
    ['current_limit_seats', 'Seats of a level now.', ({ limit }) => limit],
    ['current_r', 'Virtual time of a level’s queues, in seat-seconds.', ({ set }) => set.virtualTime / 1_000],
    ['demand_seats_average', 'Seats wanted over the last period.', ({ lastDemand }) => lastDemand.average],
    ['demand_seats_stdev', 'Deviation of the seats wanted.', ({ lastDemand }) => lastDemand.deviation],
    ['demand_seats_high_watermark', 'Most seats wanted at once.', ({ lastDemand }) => lastDemand.peak],
    [
      'demand_seats_smoothed',
      'Seats wanted, smoothed over periods.',
      ({ lastDemand }) => lastDemand.smoothed,
    ],
    ['target_seats', 'Seats that a level was to have in the last division.', ({ target }) => target],
  ];
  for (const [name, help, value] of levelGauges) add(name, 'gauge', help, ofLevels(value));
  // Earlier names, which dashboards still ask for.
  add(
    'request_concurrency_limit',
    'gauge',
    'Seats of a level before lending and borrowing.',
    ofLevels(({ config }) => config.nominal),
  );
  add(
    'request_concurrency_in_use',
    'gauge',
    'Seats in use.',
    ofFlows(({ seatsInUse }) => seatsInUse),
  );
}

function labelsOf({ name, level }: Flow): Labels {
  return { priority_level: level.config.name, flow_schema: name };
}
