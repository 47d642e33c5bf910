/**
 * When a CronJob is due: which of its times it has not met yet, and how long until the next. Pure. The count of missed
 * times is upstream's estimate, from the distance of the first two, so that the same ones are caught up.
 */
import type { CronJob } from '@timonier/api';
import { nextAfter, type Schedule } from '@timonier/api/cron/schedule';
import type { Zone } from '@timonier/api/cron/zone';

/** Clocks differ: a wake-up comes so much after the time it is for. */
export const paddingMs = 100;
const tooMany = 100;

export interface Timetable {
  readonly schedule: Schedule;
  /** Whose clocks a schedule is about that names no zone itself. */
  readonly zone: Zone;
}

export interface Due {
  /** The latest time that has passed, if there is one to meet. */
  readonly at: number | undefined;
  readonly missed: 'none' | 'few' | 'many';
  /** From where times count: the last one that was met, or the creation. */
  readonly since: number;
}

/** What is due, or what is wrong with the schedule. */
export function dueOf(
  job: CronJob,
  { schedule, zone }: Timetable,
  now: number,
  startingDeadlineSeconds: number | undefined,
): Due | string {
  const known = Date.parse(job.status?.lastScheduleTime ?? job.metadata?.creationTimestamp ?? '');
  const deadline =
    startingDeadlineSeconds === undefined ? Number.NEGATIVE_INFINITY : now - startingDeadlineSeconds * 1_000;
  const since = Math.max(Number.isNaN(known) ? now : known, deadline);
  const next = (after: number): number | undefined => nextAfter(schedule, after, zone);
  const first = next(since);
  if (first !== undefined && now < first) return { at: undefined, missed: 'none', since };
  const second = first === undefined ? undefined : next(first);
  if (first === undefined || second === undefined)
    return 'time difference between two schedules is less than 1 second';
  if (now < second) return { at: first, missed: 'none', since };
  const everySeconds = Math.round((second - first) / 1_000);
  const missed = Math.floor(Math.floor((now - first) / 1_000) / everySeconds) + 1;
  let at: number | undefined;
  // One more step back, for schedules whose times are not equally far apart.
  for (let time = next(first + (missed - 2) * everySeconds * 1_000); time !== undefined && time <= now;) {
    at = time;
    time = next(time);
  }
  return { at, missed: missed > tooMany ? 'many' : 'few', since };
}

/** Milliseconds until the next time; undefined when none comes any more. */
export function untilNextMs(job: CronJob, timetable: Timetable, now: number): number | undefined {
  const due = dueOf(job, timetable, now, undefined);
  const from = typeof due === 'string' ? now : (due.at ?? (due.missed === 'none' ? due.since : now));
  const next = nextAfter(timetable.schedule, from, timetable.zone);
  return next === undefined ? undefined : Math.max(0, next + paddingMs - now);
}
