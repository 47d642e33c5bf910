/** What may be said of kinds that keep pods running: counts that agree with each other. */
import type {
  DaemonSet,
  Deployment,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../generated/types.ts';
import { nonNegative, sizeOf } from './checks.ts';
import { invalid, type FieldError } from './field-error.ts';

type Counts = Readonly<Record<string, unknown>>;

function countsOf(status: object | undefined): Counts {
  return (status ?? {}) as Counts;
}

function count(counts: Counts, name: string): number {
  const value = counts[name];
  return value === undefined ? 0 : sizeOf(value as number);
}

function noneNegative(counts: Counts, names: readonly string[]): FieldError[] {
  return names.flatMap((name) => nonNegative(`status.${name}`, counts[name] as number | undefined));
}

/** Some are no more than all of them; what is available is ready. */
function noMoreThanAll(counts: Counts, names: readonly string[], readyName: string): FieldError[] {
  const errors: FieldError[] = [];
  const all = count(counts, 'replicas');
  for (const name of names)
    if (count(counts, name) > all)
      errors.push(invalid(`status.${name}`, count(counts, name), 'cannot be greater than status.replicas'));
  if (count(counts, 'availableReplicas') > count(counts, 'readyReplicas'))
    errors.push(
      invalid(
        'status.availableReplicas',
        count(counts, 'availableReplicas'),
        `cannot be greater than ${readyName}`,
      ),
    );
  return errors;
}

/** Counts hashes that have met: those do not come apart again. */
function collisions(now: Counts, before: Counts): FieldError[] {
  if (before['collisionCount'] === undefined) return [];
  if (now['collisionCount'] !== undefined && count(now, 'collisionCount') >= count(before, 'collisionCount'))
    return [];
  return [invalid('status.collisionCount', count(now, 'collisionCount'), 'cannot be decremented')];
}

export function deploymentStatus({ status }: Deployment, old: Deployment): FieldError[] {
  const counts = countsOf(status);
  return [
    ...noneNegative(counts, [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
      'terminatingReplicas',
      'collisionCount',
    ]),
    ...noMoreThanAll(counts, ['updatedReplicas', 'readyReplicas', 'availableReplicas'], 'readyReplicas'),
    ...collisions(counts, countsOf(old.status)),
  ];
}

/** Of replica sets, and of what was there before them. */
export function replicaStatus({ status }: ReplicaSet | ReplicationController): FieldError[] {
  const counts = countsOf(status);
  return [
    ...noneNegative(counts, [
      'replicas',
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
      'observedGeneration',
      'terminatingReplicas',
    ]),
    ...noMoreThanAll(counts, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], 'readyReplicas'),
  ];
}

export function daemonSetStatus({ status }: DaemonSet, old: DaemonSet): FieldError[] {
  const counts = countsOf(status);
  return [
    ...noneNegative(counts, [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ]),
    ...collisions(counts, countsOf(old.status)),
  ];
}

export function statefulSetStatus({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const counts = countsOf(status);
  return [
    ...noneNegative(counts, [
      'replicas',
      'readyReplicas',
      'currentReplicas',
      'updatedReplicas',
      'availableReplicas',
      'observedGeneration',
      'collisionCount',
    ]),
    ...noMoreThanAll(
      counts,
      ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      'status.readyReplicas',
    ),
    ...collisions(counts, countsOf(old.status)),
  ];
}
