/**
 * eviction: a deletion that asks first. A pod that counts for a disruption budget goes only when the budget still has
 * room, and what it takes is written into the budget before the pod is marked, so that evictions at the same time
 * cannot take the same room twice. A pod that has ended, or never began, asks nobody.
 */
import { storageKey } from '@timonier/api';
import type { DeleteOptions, Eviction, Pod, PodDisruptionBudget } from '@timonier/api';
import { selectorMatches } from '@timonier/api/label-selector';
import {
  forbidden,
  internalError,
  notFound,
  StatusError,
  success,
  tooManyRequests,
} from '@timonier/api/statuses';
import { admitOwn, judged, ownKinds } from '../admission/own-object.ts';
import { decodeOwnBody } from '../pipeline/decode.ts';
import { timestamp } from '../timestamp.ts';
import { bad, dryRunParameter } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { JudgedWrite, RequestContext } from '../request-context.ts';
import { withCondition } from './pod-conditions.ts';
import { checkPreconditions, removeObject } from '../verbs/delete.ts';
import { freshEnough } from '../verbs/get.ts';
import { replaceObject } from '../verbs/update.ts';

const maxDisrupted = 2_000;
const retryAfterSeconds = 10;
/** How often the pod may have changed before it could be deleted; as upstream. */
const maxAttempts = 20;
const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";

export async function evict(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  // As kubectl up to 1.21 sends it.
  const sent: Eviction = await decodeOwnBody(exchange, ownKinds.eviction, { read: ['policy/v1beta1'] });
  checkNamespace(sent, target.namespace);
  checkName(sent, target.name);
  const asked = rehearsedAs(context, sent);
  const eviction = await admitOwn(
    asked,
    ownKinds.eviction,
    { ...sent, metadata: { ...sent.metadata, namespace: target.namespace } },
    { check: (object) => checkName(object, target.name) },
  );
  await carryOut(judged(rehearsedAs(context, eviction)), eviction.deleteOptions ?? {});
  await respondTree(exchange, 201, { ...success(), code: 201 });
}

/** Throws 409 when the pod is not what the options demand, 429 when its budget has no room, and 404 when it is gone. */
async function carryOut(context: JudgedWrite, options: DeleteOptions): Promise<void> {
  const isFree = options.preconditions?.resourceVersion === undefined;
  let pod = await readPod(context);
  for (let attempt = 1; mayGoAnyway(pod); attempt++) {
    try {
      // One that has not begun may be ready in a moment, and then counts.
      await markAndRemove(context, hasEnded(pod) ? options : asItIs(pod, options));
      return;
    } catch (error) {
      if (!isFree || !isConflict(error) || attempt >= maxAttempts) throw error;
    }
    pod = await readPod(context);
  }
  const budget = await askBudget(context, pod);
  if (budget === undefined) {
    await markAndRemove(context, options);
    return;
  }
  try {
    // It disrupts nothing as long as it does not become ready meanwhile.
    await markAndRemove(context, asItIs(pod, options));
  } catch (error) {
    if (isFree && isConflict(error)) throw beingProcessed(budget);
    throw error;
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.status.reason === 'Conflict';
}

/** With the state of the pod that was looked at, unless the client demands one. */
function asItIs({ metadata }: Pod, options: DeleteOptions): DeleteOptions {
  const { resourceVersion } = metadata ?? {};
  if (resourceVersion === undefined) return options;
  return { ...options, preconditions: { resourceVersion, ...options.preconditions } };
}

/** Says in the pod why it goes, and deletes it as this left it. */
async function markAndRemove(context: JudgedWrite, options: DeleteOptions): Promise<void> {
  const marked = context.dryRun ? undefined : await markDisruption(context, options);
  const wanted = options.preconditions?.resourceVersion;
  const resourceVersion = wanted === undefined ? undefined : (marked ?? wanted);
  await removeObject(
    context,
    resourceVersion === undefined
      ? options
      : { ...options, preconditions: { ...options.preconditions, resourceVersion } },
  );
}

function checkNamespace({ metadata }: Eviction, namespace: string): void {
  if ((metadata?.namespace ?? namespace) !== namespace && metadata?.namespace !== '')
    throw bad('the namespace of the provided object does not match the namespace sent on the request');
}

function checkName({ metadata }: Eviction, name: string): void {
  if ((metadata?.name ?? '') !== name) throw bad('name in URL does not match name in Eviction object');
}

/** An eviction is a rehearsal when its parameters or its options say so. */
function rehearsedAs(context: RequestContext, { deleteOptions }: Eviction): RequestContext {
  return { ...context, dryRun: context.dryRun || dryRunParameter(deleteOptions?.dryRun ?? []) };
}

/** The newest state. Throws 404. */
async function readPod({ server, target }: JudgedWrite): Promise<Pod> {
  const { info, namespace, name } = target;
  await freshEnough({ server }, undefined);
  const stored = server.cache
    .resource(info.storagePrefix ?? '')
    .index.get(storageKey(info, namespace, name, server.root));
  if (stored === undefined) throw new StatusError(notFound(info, name));
  return stored.object();
}

/** Pods that no budget counts on. */
function mayGoAnyway(pod: Pod): boolean {
  return hasEnded(pod) || pod.status?.phase === 'Pending';
}

function hasEnded({ metadata, status }: Pod): boolean {
  return ['Succeeded', 'Failed'].includes(status?.phase ?? '') || metadata?.deletionTimestamp !== undefined;
}

/**
 * Takes room in the pod's budget. Throws 429 when there is none. Returns the budget's name when the pod need not ask
 * because it is not ready, for as long as that is so.
 */
async function askBudget(context: JudgedWrite, pod: Pod): Promise<string | undefined> {
  const budgets = budgetsOf(context, pod);
  const [budget] = budgets;
  if (budget === undefined) return undefined;
  if (budgets.length > 1)
    throw new StatusError(
      internalError(
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      ),
    );
  const { spec, status } = budget;
  if (!isReady(pod)) {
    const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
    const isWell = desiredHealthy > 0 && currentHealthy >= desiredHealthy;
    if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || isWell) return budget.metadata?.name ?? '';
  }
  await takeRoom(context, budget.metadata?.name ?? '', pod.metadata?.name ?? '');
  return undefined;
}

function budgetsOf({ server, target }: JudgedWrite, pod: Pod): PodDisruptionBudget[] {
  const info = server.registry.lookup('policy', 'v1', 'poddisruptionbudgets');
  if (info === undefined) return [];
  const prefix = storageKey(info, target.namespace, undefined, server.root);
  return server.cache
    .resource(info.storagePrefix ?? '')
    .index.getRange(prefix, `${prefix}\u{10ffff}`)
    .map(([, stored]) => stored.object() as PodDisruptionBudget)
    .filter(
      ({ spec }) => spec?.selector !== undefined && selectorMatches(spec.selector, pod.metadata?.labels),
    );
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

async function takeRoom(context: JudgedWrite, name: string, pod: string): Promise<void> {
  const { server, target } = context;
  const info = server.registry.lookup('policy', 'v1', 'poddisruptionbudgets');
  if (info === undefined) return;
  const onBudget: JudgedWrite = {
    ...context,
    target: { verb: 'update', info, namespace: target.namespace, name, subresource: 'status' },
  };
  await replaceObject(
    onBudget,
    (_current, copy) => {
      const current = copy();
      const budget = current as unknown as PodDisruptionBudget;
      checkRoom(onBudget, budget);
      const status = { ...budget.status };
      status.disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
      status.disruptedPods = { ...status.disruptedPods, [pod]: timestamp(server.now()) };
      if (status.disruptionsAllowed === 0) status.conditions = withoutRoom(budget, server.now());
      return { ...current, status };
    },
    true,
  );
}

function checkRoom({ target }: JudgedWrite, { metadata, status }: PodDisruptionBudget): void {
  const { name = '', generation = 0 } = metadata ?? {};
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  if ((status?.observedGeneration ?? 0) < generation) throw beingProcessed(name);
  if (disruptionsAllowed < 0)
    throw new StatusError(forbidden(target.info, name, 'pdb disruptions allowed is negative'));
  if (Object.keys(status?.disruptedPods ?? {}).length > maxDisrupted)
    throw new StatusError(
      forbidden(
        target.info,
        name,
        'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
      ),
    );
  if (disruptionsAllowed > 0) return;
  // How many are healthy means nothing where that could not be found out.
  const why = status?.conditions?.find(
    ({ type, status: value, message }) => type === 'DisruptionAllowed' && value === 'False' && message !== '',
  );
  const not = `The disruption budget ${name} does not allow evicting pods currently`;
  if (why?.reason === 'SyncFailed') throw refused(`${not} because it failed sync: ${why.message}`);
  if (currentHealthy <= desiredHealthy)
    throw refused(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  throw refused(why === undefined ? not : `${not} (${why.reason}): ${why.message}`);
}

/** 429: what the budget says is not of now, and will be in a moment. */
function beingProcessed(budget: string): StatusError {
  return refused(`The disruption budget ${budget} is still being processed by the server.`, {
    retryAfterSeconds,
  });
}

/** 429, with no word on when to ask again unless there is one. */
function refused(message: string, again: { readonly retryAfterSeconds?: number } = {}): StatusError {
  const causes = [{ reason: 'DisruptionBudget', message }];
  return new StatusError({ ...tooManyRequests(refusal), details: { causes, ...again } });
}

type Conditions = NonNullable<NonNullable<PodDisruptionBudget['status']>['conditions']>;

function withoutRoom({ metadata, status }: PodDisruptionBudget, now: number): Conditions {
  const others = (status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionAllowed');
  return [
    ...others,
    {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      observedGeneration: metadata?.generation ?? 0,
      lastTransitionTime: timestamp(now),
    },
  ];
}

/**
 * Says in the pod why it goes, for controllers that tell a disruption from a failure. Throws 409, and says nothing, when
 * the pod is not what the options demand. Returns the version that came of it.
 */
async function markDisruption(context: JudgedWrite, options: DeleteOptions): Promise<string | undefined> {
  const onStatus = { ...context, target: { ...context.target, subresource: 'status' } };
  const { stored } = await replaceObject(
    onStatus,
    (_current, copy) => {
      const current = copy();
      checkPreconditions(current, options, context);
      const pod = current as unknown as Pod;
      const conditions = withCondition(
        pod.status?.conditions ?? [],
        {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'EvictionByEvictionAPI',
          message: 'Eviction API: evicting',
        },
        timestamp(context.server.now()),
      );
      return { ...current, status: { ...pod.status, conditions } };
    },
    true,
  );
  return stored === undefined ? undefined : String(stored.revision);
}
