/** What a Job asks about its pods, and how it makes them. Pure. */
import type { Container, Job, Pod, PodTemplateSpec } from '@timonier/api';
import { podFromTemplate, type PodOwner } from '../pod-control.ts';
import { podCondition } from '../pods.ts';

/** A pod that has it was not counted yet, and is not gone before it was. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexKey = 'batch.kubernetes.io/job-completion-index';
const failureCountKey = 'batch.kubernetes.io/job-index-failure-count';
const ignoredCountKey = 'batch.kubernetes.io/job-index-ignored-failure-count';
const indexVariable = 'JOB_COMPLETION_INDEX';
/** Generated names have five letters more, and are labels of DNS. */
const maxPrefixLength = 58;

export function ownerOf(job: Job): PodOwner {
  return { object: job, apiVersion: 'batch/v1', kind: 'Job' };
}

export function isIndexed({ spec }: Job): boolean {
  return spec?.completionMode === 'Indexed';
}

export function isSuspended({ spec }: Job): boolean {
  return spec?.suspend === true;
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata?.finalizers?.includes(trackingFinalizer) === true;
}

/** Undefined when the pod has no index, or none that the Job has. */
export function indexOf({ spec }: Job, { metadata }: Pod): number | undefined {
  const text = metadata?.annotations?.[indexKey] ?? '';
  return /^\d+$/.test(text) && Number(text) < (spec?.completions ?? 0) ? Number(text) : undefined;
}

/** Whether a pod counts as one of the Job's: in indexed ones only those with an index do. */
export function isValid(job: Job, pod: Pod): boolean {
  return !isIndexed(job) || indexOf(job, pod) !== undefined;
}

/** A pod that is being deleted counts as failed at once, unless the Job waits for its end. */
export function hasFailed({ spec }: Job, { metadata, status }: Pod): boolean {
  if (status?.phase === 'Failed') return true;
  if (spec?.podReplacementPolicy === 'Failed') return false;
  return metadata?.deletionTimestamp !== undefined && status?.phase !== 'Succeeded';
}

/** On the way out, and not ended yet. */
export function isTerminating({ metadata, status }: Pod): boolean {
  return (
    metadata?.deletionTimestamp !== undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
  );
}

/** When the pod's work ended, as well as can be told; milliseconds of the epoch. */
export function endedAt(pod: Pod): number {
  const { metadata, status } = pod;
  const ends = (status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ''),
  );
  if (ends.length > 0 && ends.every((end) => !Number.isNaN(end))) return Math.max(...ends);
  const ready = podCondition(pod, 'Ready');
  const unready = ready?.status === 'False' ? Date.parse(ready.lastTransitionTime ?? '') : Number.NaN;
  if (!Number.isNaN(unready)) return unready;
  const deleted = Date.parse(metadata?.deletionTimestamp ?? '');
  if (!Number.isNaN(deleted)) return deleted - (metadata?.deletionGracePeriodSeconds ?? 0) * 1000;
  return Date.parse(metadata?.creationTimestamp ?? '') || 0;
}

/** How often pods of this one's index failed before it: those that counted, and those that a policy ignored. */
export function earlierFailures({ metadata }: Pod): { readonly counted: number; readonly ignored: number } {
  const numberOf = (key: string): number => Number(metadata?.annotations?.[key] ?? 0) || 0;
  return { counted: numberOf(failureCountKey), ignored: numberOf(ignoredCountKey) };
}

export interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

/** Also tells a pod of a Job with limits per index how often its predecessors failed. */
export function podFor(job: Job, index?: number, failures?: IndexFailures): Pod {
  const name = job.metadata?.name ?? '';
  const { template } = job.spec ?? {};
  const finalizers = [...new Set([...(template?.metadata?.finalizers ?? []), trackingFinalizer])];
  const tracked: PodTemplateSpec = { ...template, metadata: { ...template?.metadata, finalizers } };
  if (index === undefined) return podFromTemplate(ownerOf(job), tracked, { generateName: `${name}-` });
  const suffix = `-${index}-`;
  return podFromTemplate(ownerOf(job), indexed(tracked, name, index, failures), {
    generateName: `${name.slice(0, maxPrefixLength - suffix.length)}${suffix}`,
  });
}

function indexed(
  { metadata, spec }: PodTemplateSpec,
  name: string,
  index: number,
  failures: IndexFailures | undefined,
): PodTemplateSpec {
  const { counted = 0, ignored = 0 } = failures ?? {};
  return {
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, [indexKey]: String(index) },
      annotations: {
        ...metadata?.annotations,
        [indexKey]: String(index),
        ...(failures === undefined ? {} : { [failureCountKey]: String(counted) }),
        ...(ignored === 0 ? {} : { [ignoredCountKey]: String(ignored) }),
      },
    },
    ...(spec === undefined
      ? {}
      : {
          spec: {
            ...spec,
            hostname: `${name}-${index}`,
            containers: spec.containers.map(withIndex),
            ...(spec.initContainers === undefined
              ? {}
              : { initContainers: spec.initContainers.map(withIndex) }),
          },
        }),
  };
}

function withIndex(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable) === true) return container;
  const fieldRef = { fieldPath: `metadata.labels['${indexKey}']` };
  return { ...container, env: [...(container.env ?? []), { name: indexVariable, valueFrom: { fieldRef } }] };
}
