/**
 * Keeps the status of PodDisruptionBudgets, which evictions take their room from: each grant lowers what is allowed, and
 * only this loop raises it. Who writes first wins, so that a grant which this loop has not seen is never lost.
 */
import {
  type Pod,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  resources,
  selectorMatches,
} from '@timonier/api';
import { isConflict, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { sameValue } from '../equality.ts';
import { feed, type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { observeForMs } from '../pod-control.ts';
import { decide, failed, needsScale } from './decide.ts';
import { expectedScale, noScale } from './scale.ts';
import { staleInMs, withoutDisruption } from './stale.ts';

/** `now` is the time of day in milliseconds. */
export function startDisruptionController(context: LoopContext, now: () => number = Date.now): Stoppable {
  const { informers } = context;
  const loops = [
    startQueueLoop(context, {
      name: 'disruption',
      concurrency: 2,
      feeds: [feed(informers.poddisruptionbudgets, (budget) => [objectKey(budget)]), podChanges(context)],
      sync: (key) => sync(context, key, now),
    }),
    startQueueLoop(context, {
      name: 'stale_pod_disruption',
      concurrency: 1,
      feeds: [feed(informers.pods, (pod) => (staleInMs(pod, now()) === undefined ? [] : [objectKey(pod)]))],
      sync: (key) => letGo(context, key, now),
    }),
  ];
  return {
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** All budgets that a pod counts for, or did; that there are several is told. */
function podChanges(context: LoopContext): Feed {
  const { informers, recorder } = context;
  return {
    subscribe: (enqueue) =>
      informers.pods.on(({ type, object, previous }) => {
        const budgets = budgetsOf(context, object);
        for (const budget of budgets) enqueue(objectKey(budget));
        if (previous !== undefined)
          for (const budget of budgetsOf(context, previous)) enqueue(objectKey(budget));
        if (budgets.length < 2 || type === 'deleted') return;
        const { namespace = '', name = '' } = object.metadata ?? {};
        recorder.event(
          object,
          'Warning',
          'MultiplePodDisruptionBudgets',
          `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${budgets[0]?.metadata?.name ?? ''}" arbitrarily.`,
        );
      }),
  };
}

function budgetsOf({ informers }: LoopContext, { metadata }: Pod): readonly PodDisruptionBudget[] {
  return informers.poddisruptionbudgets
    .byIndex('namespace', metadata?.namespace ?? '')
    .filter((budget) => selects(budget, metadata?.labels));
}

function selects({ spec }: PodDisruptionBudget, labels: Record<string, string> | undefined): boolean {
  return spec?.selector !== undefined && selectorMatches(spec.selector, labels);
}

async function sync(
  context: LoopContext,
  key: string,
  clock: () => number,
): Promise<void | { againAfterMs: number }> {
  const { informers, recorder } = context;
  const budget = informers.poddisruptionbudgets.get(parseKey(key));
  if (budget === undefined) return undefined;
  const pods = informers.pods
    .byIndex('namespace', budget.metadata?.namespace ?? '')
    .filter(({ metadata }) => selects(budget, metadata?.labels));
  try {
    const scale = needsScale(budget) ? await expectedScale(context, pods) : noScale;
    const { status, events, againAfterMs } = decide({ budget, pods, scale, now: clock() });
    for (const { pod, type, reason, message } of events) recorder.event(pod ?? budget, type, reason, message);
    await writeStatus(context, budget, status);
    return againAfterMs === undefined ? undefined : { againAfterMs };
  } catch (error) {
    // Nobody may count on what could not be found out; who lost a race is to look again.
    if (!isConflict(error) && !isOver(context))
      await writeStatus(context, budget, failed(budget, messageOf(error), clock()));
    throw error;
  }
}

function isOver({ term }: LoopContext): boolean {
  return term.signal.aborted;
}

async function writeStatus(
  { client, informers, term }: LoopContext,
  budget: PodDisruptionBudget,
  status: PodDisruptionBudgetStatus,
): Promise<void> {
  if (sameValue(budget.status ?? {}, status)) return;
  try {
    const options = { ...term.write, subresource: 'status' };
    const written = await client.update<PodDisruptionBudget>(
      resources.poddisruptionbudgets,
      { ...budget, status },
      options,
    );
    const version = Number(written.metadata?.resourceVersion ?? 0);
    await informers.poddisruptionbudgets.catchUp(version, term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function letGo(
  { client, informers, term }: LoopContext,
  key: string,
  clock: () => number,
): Promise<void | { againAfterMs: number }> {
  const pod = informers.pods.get(parseKey(key));
  const wait = pod === undefined ? undefined : staleInMs(pod, clock());
  if (pod === undefined || wait === undefined) return undefined;
  if (wait > 0) return { againAfterMs: wait };
  try {
    const options = { ...term.write, subresource: 'status' };
    await client.update(resources.pods, withoutDisruption(pod, clock()), options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
