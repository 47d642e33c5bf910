/**
 * What a CronJob needs next: which of its Jobs still run, which ended ones are too old to keep, whether a Job is to be
 * started and which ones it replaces. Pure.
 */
import type { CronJob, CronJobStatus, Job, ObjectReference } from '@timonier/api';
import { parseSchedule } from '@timonier/api/cron/schedule';
import { type Zone, zoneOf } from '@timonier/api/cron/zone';
import { isFinished, timestamp, trueCondition } from '../job/conditions.ts';
import { type Due, dueOf, type Timetable, untilNextMs } from './due.ts';
import { jobFor } from './job.ts';

export interface CronJobState {
  readonly cronJob: CronJob;
  /** All that it controls. */
  readonly jobs: readonly Job[];
  /** Uids of Jobs that it counts as active and that are not there any more. */
  readonly missing: ReadonlySet<string>;
  readonly now: number;
  /** Whose clocks count where the CronJob names no zone. */
  readonly localZone: Zone;
}

export interface CronJobEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface CronJobDecision {
  /** As it is before a Job is started. */
  readonly status: CronJobStatus;
  readonly events: readonly CronJobEvent[];
  /** Ended Jobs beyond the history. */
  readonly prune: readonly Job[];
  readonly start: Start | undefined;
  readonly againAfterMs: number | undefined;
}

export interface Start {
  readonly job: Job;
  /** When it was due. */
  readonly at: number;
  /** Jobs that have to go first. */
  readonly replaces: readonly ObjectReference[];
}

export function decide(state: CronJobState): CronJobDecision {
  const { cronJob, jobs, now } = state;
  const events: CronJobEvent[] = [];
  const status = statusFrom(state, events);
  const idle = {
    status,
    events,
    prune: beyondHistory(cronJob, jobs),
    start: undefined,
    againAfterMs: undefined,
  };
  const { startingDeadlineSeconds } = cronJob.spec ?? {};
  if (cronJob.metadata?.deletionTimestamp !== undefined) return idle;
  const timetable = timetableOf(state, events);
  if (timetable === undefined) return idle;
  const due = dueOf(cronJob, timetable, now, startingDeadlineSeconds);
  if (typeof due === 'string') {
    const message = `invalid schedule: ${cronJob.spec?.schedule ?? ''} : ${due}`;
    events.push({ type: 'Warning', reason: 'InvalidSchedule', message });
    return idle;
  }
  const at = startableAt(cronJob, status, due, now, events);
  const waiting = { ...idle, againAfterMs: untilNextMs(cronJob, timetable, now) };
  if (at === undefined) return waiting;
  const active = status.active ?? [];
  const replaces = cronJob.spec?.concurrencyPolicy === 'Replace' ? active : [];
  return { ...waiting, start: { job: jobFor(cronJob, at), at, replaces } };
}

/** The time for which a Job is to be started now. */
function startableAt(
  { spec }: CronJob,
  status: CronJobStatus,
  { at, missed }: Due,
  now: number,
  events: CronJobEvent[],
): number | undefined {
  if (at === undefined) return undefined;
  if (missed === 'many') {
    const message =
      'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
    events.push({ type: 'Warning', reason: 'TooManyMissedTimes', message });
  }
  const { startingDeadlineSeconds, concurrencyPolicy } = spec ?? {};
  if (startingDeadlineSeconds !== undefined && at + startingDeadlineSeconds * 1_000 < now) {
    const time = new Date(at).toUTCString().replace('GMT', '+0000');
    events.push({
      type: 'Warning',
      reason: 'MissSchedule',
      message: `Missed scheduled time to start a job: ${time}`,
    });
    return undefined;
  }
  if (status.lastScheduleTime !== undefined && Date.parse(status.lastScheduleTime) === at) return undefined;
  if (concurrencyPolicy === 'Forbid' && (status.active ?? []).length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    events.push({ type: 'Normal', reason: 'JobAlreadyActive', message });
    return undefined;
  }
  return at;
}

/** Undefined when it is suspended, or nothing can be made of what it says. */
function timetableOf({ cronJob, localZone }: CronJobState, events: CronJobEvent[]): Timetable | undefined {
  const { timeZone, suspend } = cronJob.spec ?? {};
  const text = cronJob.spec?.schedule ?? '';
  const warn = (reason: string, message: string): undefined => {
    events.push({ type: 'Warning', reason, message });
    return undefined;
  };
  const zone = timeZone === undefined ? localZone : zoneOf(timeZone);
  if (zone === undefined)
    return warn(
      'UnknownTimeZone',
      `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone ?? ''}`,
    );
  if (suspend === true) return undefined;
  if (text.includes('TZ'))
    warn(
      'UnsupportedSchedule',
      `CRON_TZ or TZ used in schedule ${JSON.stringify(text)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`,
    );
  const schedule = parseSchedule(text);
  if (typeof schedule === 'string')
    return warn('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(text)} : ${schedule}`);
  return { schedule, zone };
}

/** How long a CronJob waits whose schedule was just changed: what it missed by the new one is not caught up. */
export function waitAfterChangeMs(cronJob: CronJob, localZone: Zone, now: number): number {
  const state = { cronJob, jobs: [], missing: new Set<string>(), now, localZone };
  const timetable = timetableOf(state, []);
  return timetable === undefined ? 0 : (untilNextMs(cronJob, timetable, now) ?? 0);
}

function statusFrom({ cronJob, jobs, missing }: CronJobState, events: CronJobEvent[]): CronJobStatus {
  const { active: counted = [], lastScheduleTime } = cronJob.status ?? {};
  const gone = new Set<string>();
  let { lastSuccessfulTime } = cronJob.status ?? {};
  for (const job of jobs) {
    const { uid = '', name = '' } = job.metadata ?? {};
    const isCounted = counted.some((one) => one.uid === uid);
    if (!isFinished(job)) {
      if (isCounted) continue;
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      events.push({ type: 'Warning', reason: 'UnexpectedJob', message });
      continue;
    }
    const isComplete = trueCondition(job.status, 'Complete') !== undefined;
    if (isCounted) {
      gone.add(uid);
      const message = `Saw completed job: ${name}, condition: ${isComplete ? 'Complete' : 'Failed'}`;
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message });
    }
    if (isComplete) lastSuccessfulTime = later(lastSuccessfulTime, job.status?.completionTime);
  }
  for (const { uid = '', name = '' } of counted) {
    if (!missing.has(uid)) continue;
    gone.add(uid);
    events.push({ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${name}` });
  }
  const active = counted.filter(({ uid = '' }) => !gone.has(uid));
  return {
    ...(active.length === 0 ? {} : { active }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
}

/** With a Job that was started for a time. */
export function withStarted(status: CronJobStatus, reference: ObjectReference, at: number): CronJobStatus {
  return { ...status, active: [...(status.active ?? []), reference], lastScheduleTime: timestamp(at) };
}

export function withoutActive(status: CronJobStatus, uids: ReadonlySet<string>): CronJobStatus {
  const { active = [], ...rest } = status;
  const left = active.filter(({ uid = '' }) => !uids.has(uid));
  return left.length === 0 ? rest : { ...rest, active: left };
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(b) > Date.parse(a) ? b : a;
}

/** The oldest ended ones; of those without a limit, none. */
function beyondHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const ended = (type: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    const all = jobs.filter(({ status }) => trueCondition(status, type) !== undefined).toSorted(byStart);
    return limit === undefined ? [] : all.slice(0, Math.max(0, all.length - limit));
  };
  return [
    ...ended('Complete', spec?.successfulJobsHistoryLimit),
    ...ended('Failed', spec?.failedJobsHistoryLimit),
  ].filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

/** Those that never started last; of equals by name. */
function byStart(a: Job, b: Job): number {
  const [x, y] = [a, b].map(({ status }) => Date.parse(status?.startTime ?? '') || Number.MAX_SAFE_INTEGER);
  return (x ?? 0) - (y ?? 0) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);
}
