/** The Job that a CronJob makes for one of its times. Pure. */
import type { CronJob, Job, ObjectReference } from '@timonier/api';
import { type Zone, utc, zoneOf } from '@timonier/api/cron/zone';
import { ownerReferenceTo } from '../pod-control.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** One name for one minute, so that no time is met twice whoever tries. */
export function jobName({ metadata }: CronJob, at: number): string {
  return `${metadata?.name ?? ''}-${Math.floor(at / 60_000)}`;
}

export function jobFor(cronJob: CronJob, at: number): Job {
  const { metadata, spec } = cronJob.spec?.jobTemplate ?? {};
  const { timeZone } = cronJob.spec ?? {};
  const zone = (timeZone === undefined ? undefined : zoneOf(timeZone)) ?? utc;
  const owner = { object: cronJob, apiVersion: 'batch/v1', kind: 'CronJob' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, at),
      namespace: cronJob.metadata?.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: timeIn(zone, at) },
      ownerReferences: [ownerReferenceTo(owner)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

export function referenceTo({ metadata }: Job): ObjectReference {
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = metadata ?? {};
  return { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion };
}

/** As RFC 3339 has it, with the zone's distance from UTC. */
function timeIn(zone: Zone, at: number): string {
  const offset = zone.offsetAt(at);
  const clock = new Date(at + offset).toISOString().slice(0, 19);
  if (offset === 0) return `${clock}Z`;
  const minutes = Math.abs(offset) / 60_000;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'));
  return `${clock}${offset < 0 ? '-' : '+'}${hours}:${rest}`;
}
