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
import { bodyMedia } from '../http/media.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { timestamp } from '../timestamp.ts';
import { bad, dryRunParameter } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { JudgedWrite, RequestContext } from '../request-context.ts';
import { removeObject } from '../verbs/delete.ts';
import { freshEnough } from '../verbs/get.ts';
import { updateObject } from '../verbs/update.ts';

const maxDisrupted = 2_000;
const retryAfterSeconds = 10;
const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";

export async function evict(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const sent = decodeBodyAs(await exchange.body(), bodyMedia(exchange.header('content-type')), [
    { apiVersion: 'policy/v1', kind: 'Eviction' },
    // As kubectl up to 1.21 sends it.
    { apiVersion: 'policy/v1beta1', kind: 'Eviction', alike: 'policy/v1' },
  ]) as unknown as Eviction;
  checkName(sent, target.name);
  const asked = rehearsedAs(context, sent);
  await freshEnough(context, undefined);
  const pod = readPod(context);
  if (pod === undefined) throw new StatusError(notFound(target.info, target.name));
  const eviction = await admitOwn(
    asked,
    ownKinds.eviction,
    { ...sent, metadata: { ...sent.metadata, namespace: target.namespace } },
    { check: (object) => checkName(object, target.name) },
  );
  const onward = judged(rehearsedAs(context, eviction));
  const guards = mayGoAnyway(pod) ? {} : await askBudget(onward, pod);
  if (!onward.dryRun && pod.metadata?.deletionTimestamp === undefined) await markDisruption(onward);
  await removeObject(onward, withPreconditions(eviction.deleteOptions ?? {}, guards));
  await respondTree(exchange, 201, { ...success(), code: 201 });
}

function checkName({ metadata }: Eviction, name: string): void {
  if ((metadata?.name ?? '') !== name) throw bad('name in URL does not match name in Eviction object');
}

/** An eviction is a rehearsal when its parameters or its options say so. */
function rehearsedAs(context: RequestContext, { deleteOptions }: Eviction): RequestContext {
  return { ...context, dryRun: context.dryRun || dryRunParameter(deleteOptions?.dryRun ?? []) };
}

function readPod({ server, target }: JudgedWrite): Pod | undefined {
  const { info, namespace, name } = target;
  const stored = server.cache
    .resource(info.storagePrefix ?? '')
    .index.get(storageKey(info, namespace, name, server.root));
  return stored?.object();
}

/** Pods that no budget counts on. */
function mayGoAnyway({ metadata, status }: Pod): boolean {
  return (
    ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '') ||
    metadata?.deletionTimestamp !== undefined
  );
}

type Guards = NonNullable<DeleteOptions['preconditions']>;

/** Takes room in the pod's budget. Throws 429 when there is none. Returns what the deletion has to find unchanged. */
async function askBudget(context: JudgedWrite, pod: Pod): Promise<Guards> {
  const budgets = budgetsOf(context, pod);
  const [budget] = budgets;
  if (budget === undefined) return {};
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
    // The pod disrupts nothing as long as it does not become ready meanwhile.
    if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || isWell)
      return pod.metadata?.uid === undefined ? {} : { uid: pod.metadata.uid };
  }
  await takeRoom(context, budget.metadata?.name ?? '', pod.metadata?.name ?? '');
  return {};
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
  await updateObject(onBudget, (current) => {
    const budget = current as unknown as PodDisruptionBudget;
    checkRoom(onBudget, budget);
    const status = { ...budget.status };
    status.disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
    status.disruptedPods = { ...status.disruptedPods, [pod]: timestamp(server.now()) };
    if (status.disruptionsAllowed === 0) status.conditions = withoutRoom(budget, server.now());
    return { ...current, status };
  });
}

function checkRoom({ target }: JudgedWrite, { metadata, spec, status }: PodDisruptionBudget): void {
  const { name = '', generation = 0 } = metadata ?? {};
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  if ((status?.observedGeneration ?? 0) < generation)
    throw refused(`The disruption budget ${name} is still being processed by the server.`);
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
  const failed = status?.conditions?.find(
    ({ type, reason }) => type === 'DisruptionAllowed' && reason === 'SyncFailed',
  );
  if (failed !== undefined && spec !== undefined)
    throw refused(
      `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed.message}`,
    );
  throw refused(
    `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
  );
}

function refused(message: string): StatusError {
  const status = tooManyRequests(refusal, retryAfterSeconds);
  const { retryAfterSeconds: _none, ...details } = status.details ?? {};
  return new StatusError({
    ...status,
    details: { ...details, causes: [{ reason: 'DisruptionBudget', message }] },
  });
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

/** Says in the pod why it goes, for controllers that tell a disruption from a failure. */
async function markDisruption(context: JudgedWrite): Promise<void> {
  const onStatus = { ...context, target: { ...context.target, subresource: 'status' } };
  await updateObject(onStatus, (current) => {
    const pod = current as unknown as Pod;
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: timestamp(context.server.now()),
    };
    return { ...current, status: { ...pod.status, conditions: [...others, condition] } };
  });
}

function withPreconditions(options: DeleteOptions, guards: Guards): DeleteOptions {
  return { ...options, preconditions: { ...guards, ...options.preconditions } };
}
