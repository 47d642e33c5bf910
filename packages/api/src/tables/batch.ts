/** Rows of jobs, cron jobs, autoscalers and disruption budgets. */
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  CronJob,
  HorizontalPodAutoscaler,
  Job,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  PodDisruptionBudget,
} from '../generated/types.ts';
import { autoscalerToV2 } from '../conversion.ts';
import type { ApiObject } from '../object.ts';
import { humanDuration, parseTime } from '../time.ts';
import { NONE, orNone, since, UNKNOWN, UNSET, type Cell } from './cell.ts';
import { selectorText } from './workloads.ts';

type Row = Readonly<Record<string, Cell>>;

function milliseconds(time: string | undefined): number | undefined {
  const instant = time === undefined ? undefined : parseTime(time);
  return instant === undefined ? undefined : instant.seconds * 1000 + instant.nanos / 1e6;
}

/** In the order of what says most. */
const JOB_STATES: readonly (readonly [condition: string, shown: string])[] = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function jobStatus({ metadata, status }: Job): string {
  const holds = (type: string): boolean =>
    type === ''
      ? metadata?.deletionTimestamp !== undefined
      : (status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false);
  return JOB_STATES.find(([condition]) => holds(condition))?.[1] ?? 'Running';
}

function completions({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

export function jobRow(job: Job, now: number): Row {
  const start = milliseconds(job.status?.startTime);
  const end = milliseconds(job.status?.completionTime) ?? now;
  const containers = job.spec?.template?.spec?.containers ?? [];
  return {
    Name: job.metadata?.name ?? '',
    Status: jobStatus(job),
    Completions: completions(job),
    Duration: start === undefined ? '' : humanDuration(end - start),
    Age: since(job.metadata?.creationTimestamp, now),
    Containers: containers.map(({ name }) => name).join(','),
    Images: containers.map(({ image }) => image ?? '').join(','),
    Selector: selectorText(job.spec?.selector),
  };
}

function flag(value: boolean | undefined): string {
  return value === undefined ? UNSET : value ? 'True' : 'False';
}

export function cronJobRow({ metadata, spec, status }: CronJob, now: number): Row {
  const containers = spec?.jobTemplate?.spec?.template?.spec?.containers ?? [];
  return {
    Name: metadata?.name ?? '',
    Schedule: spec?.schedule ?? '',
    Timezone: orNone(spec?.timeZone),
    Suspend: flag(spec?.suspend),
    Active: status?.active?.length ?? 0,
    'Last Schedule': status?.lastScheduleTime === undefined ? NONE : since(status.lastScheduleTime, now),
    Age: since(metadata?.creationTimestamp, now),
    Containers: containers.map(({ name }) => name).join(','),
    Images: containers.map(({ image }) => image ?? '').join(','),
    Selector: selectorText(spec?.jobTemplate?.spec?.selector),
  };
}

const SHOWN_METRICS = 2;

function metrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return NONE;
  const shown = specs.slice(0, SHOWN_METRICS).map((spec, i) => metric(spec, statuses[i]));
  const more = specs.length > SHOWN_METRICS ? ` + ${specs.length - SHOWN_METRICS} more...` : '';
  return shown.join(', ') + more;
}

function metric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return sum(spec.external?.target, status?.external?.current);
    case 'Object':
      return sum(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? UNKNOWN}/${spec.pods?.target.averageValue ?? ''}`;
    case 'Resource':
      return usage(spec.resource, status?.resource?.current);
    case 'ContainerResource':
      return usage(spec.containerResource, status?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

function sum(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  return target?.averageValue === undefined
    ? `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`
    : `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
}

function usage(
  source: { readonly name: string; readonly target: MetricTarget } | undefined,
  current: MetricValueStatus | undefined,
): string {
  const { name = '', target } = source ?? {};
  if (target?.averageValue !== undefined)
    return `${name}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const now = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
  const wanted = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`;
  return `${name}: ${now}/${wanted}`;
}

export function autoscalerRow({ metadata, spec, status }: HorizontalPodAutoscaler, now: number): Row {
  const reference = spec?.scaleTargetRef;
  return {
    Name: metadata?.name ?? '',
    Reference: `${reference?.kind ?? ''}/${reference?.name ?? ''}`,
    Targets: metrics(spec?.metrics ?? [], status?.currentMetrics ?? []),
    MinPods: spec?.minReplicas === undefined ? UNSET : String(spec.minReplicas),
    MaxPods: spec?.maxReplicas ?? 0,
    Replicas: status?.currentReplicas ?? 0,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function oldAutoscalerRow(old: AutoscalingV1HorizontalPodAutoscaler, now: number): Row {
  const newer = autoscalerToV2(old as unknown as ApiObject);
  return autoscalerRow(newer as unknown as HorizontalPodAutoscaler, now);
}

export function budgetRow({ metadata, spec, status }: PodDisruptionBudget, now: number): Row {
  const shown = (value: number | string | undefined): string => (value === undefined ? 'N/A' : String(value));
  return {
    Name: metadata?.name ?? '',
    'Min Available': shown(spec?.minAvailable),
    'Max Unavailable': shown(spec?.maxUnavailable),
    'Allowed Disruptions': status?.disruptionsAllowed ?? 0,
    Age: since(metadata?.creationTimestamp, now),
  };
}
