/**
 * Keeps the pods of StatefulSets, each with its name and its claims. A sync ends only when the caches show what it
 * wrote, so the next one never decides on pods, claims or revisions from before its own writes.
 */
import {
  type ControllerRevision,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type StatefulSet,
} from '@timonier/api';
import { isAlreadyExists, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { claimPods } from '../claim.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { adoptPod, observeForMs, releasePod } from '../pod-control.ts';
import { deleteRevision, writeRevision } from '../revision-control.ts';
import { decide, type StatefulSetAction } from './decide.ts';
import { expiredRevisions, historyOf } from './history.ts';
import { ordinalOf, ownerOf } from './identity.ts';

export function startStatefulSetController(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'statefulset',
    concurrency: 5,
    feeds: [
      feed(informers.statefulsets, (set) => [objectKey(set)]),
      feed(informers.pods, (pod) => keysOf(context, pod)),
      feed(informers.controllerrevisions, (revision) => keysOf(context, revision)),
      feed(informers.persistentvolumeclaims, (claim) => keysOfClaim(context, claim)),
    ],
    sync: (key) => sync(context, key),
  });
}

function keysOf({ informers }: LoopContext, object: Pod | ControllerRevision): string[] {
  return concerned(object, 'StatefulSet', (namespace) =>
    informers.statefulsets.byIndex('namespace', namespace),
  );
}

/** A claim is one of a set's by its name alone. */
function keysOfClaim({ informers }: LoopContext, { metadata }: PersistentVolumeClaim): string[] {
  const name = metadata?.name ?? '';
  const isOf = ({ metadata: set, spec }: StatefulSet): boolean =>
    (spec?.volumeClaimTemplates ?? []).some(({ metadata: template }) =>
      name.startsWith(`${template?.name ?? ''}-${set?.name ?? ''}-`),
    );
  return informers.statefulsets
    .byIndex('namespace', metadata?.namespace ?? '')
    .filter(isOf)
    .map((set) => objectKey(set));
}

async function sync(context: LoopContext, key: string): Promise<void | { againAfterMs: number }> {
  const { informers } = context;
  const set = informers.statefulsets.get(parseKey(key));
  if (set === undefined) return undefined;
  const { uid = '', namespace = '' } = set.metadata ?? {};
  const owner = ownerOf(set);
  const { adopt, release } = claimPods(set, podsNear(context, set));
  for (const pod of adopt) await adoptPod(context, owner, pod);
  for (const pod of release) await releasePod(context, owner, pod);
  const history = historyOf(set, [
    ...informers.controllerrevisions.byIndex('owner', uid),
    ...informers.controllerrevisions.byIndex('orphans', namespace),
  ]);
  const deleting = set.metadata?.deletionTimestamp !== undefined;
  // Nothing is made for a set that goes; without its revision nothing can be said about it, either.
  if (deleting && history.change === 'create') return undefined;
  if (!deleting) await writeRevision(context, owner, history, () => countCollision(context, set));
  const { own } = claimPods(set, podsNear(context, set));
  const decision = decide({
    set,
    pods: own,
    claim: (name) => informers.persistentvolumeclaims.get({ namespace, name }),
    update: history.current,
    before: history.before,
    now: Date.now(),
  });
  try {
    await perform(context, set, decision.actions);
    const expired = deleting ? [] : expiredRevisions(set, history, own);
    for (const revision of expired) await deleteRevision(context, revision);
  } finally {
    // Also when pods cannot be created: what there is can be told.
    if (decision.status !== undefined) await writeStatus(context, { ...set, status: decision.status });
  }
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

/** Of pods that nobody controls only those with the name of one of the set's concern it. */
function podsNear({ informers }: LoopContext, set: StatefulSet): Pod[] {
  const orphans = informers.pods.byIndex('orphans', set.metadata?.namespace ?? '');
  return [
    ...informers.pods.byIndex('owner', set.metadata?.uid ?? ''),
    ...orphans.filter((pod) => ordinalOf(set, pod) !== undefined),
  ];
}

async function perform(
  context: LoopContext,
  set: StatefulSet,
  actions: readonly StatefulSetAction[],
): Promise<void> {
  const { informers, term } = context;
  const seen = { pods: 0, persistentvolumeclaims: 0 };
  const deleted: Pod[] = [];
  try {
    for (const action of actions) {
      const { resource, version } = await performOne(context, set, action);
      seen[resource] = Math.max(seen[resource], version);
      if (action.type === 'delete') deleted.push(action.pod);
    }
  } finally {
    for (const resource of ['pods', 'persistentvolumeclaims'] as const) {
      if (seen[resource] > 0) await informers[resource].catchUp(seen[resource], term.signal, observeForMs);
    }
    const gone = (): boolean => deleted.every((pod) => isLeaving(context, pod));
    await informers.pods.until(gone, term.signal, observeForMs);
  }
}

function isLeaving({ informers }: LoopContext, { metadata }: Pod): boolean {
  const cached = informers.pods.get({ namespace: metadata?.namespace, name: metadata?.name ?? '' });
  return cached?.metadata?.uid !== metadata?.uid || cached?.metadata?.deletionTimestamp !== undefined;
}

interface Written {
  readonly resource: 'pods' | 'persistentvolumeclaims';
  readonly version: number;
}

async function performOne(
  context: LoopContext,
  set: StatefulSet,
  action: StatefulSetAction,
): Promise<Written> {
  const { client, term } = context;
  switch (action.type) {
    case 'create':
      await createClaims(context, set, action.pod, action.claims);
      return { resource: 'pods', version: await createPod(context, set, action.pod) };
    case 'claims':
      return {
        resource: 'persistentvolumeclaims',
        version: await createClaims(context, set, action.pod, action.claims),
      };
    case 'delete':
      await deletePod(context, set, action.pod);
      return { resource: 'pods', version: 0 };
    case 'label': {
      const { name = '', namespace, uid } = action.pod.metadata ?? {};
      const patch = { metadata: { uid, labels: action.labels } };
      const pod = await client.patch(resources.pods, { namespace, name }, 'strategic', patch, term.write);
      return { resource: 'pods', version: versionOf(pod) };
    }
    case 'own': {
      const claim = await client.update(resources.persistentvolumeclaims, action.claim, term.write);
      return { resource: 'persistentvolumeclaims', version: versionOf(claim) };
    }
    default:
      throw new Error(`no such action: ${JSON.stringify(action satisfies never)}`);
  }
}

async function createPod(
  { client, recorder, term }: LoopContext,
  set: StatefulSet,
  pod: Pod,
): Promise<number> {
  const what = `Pod ${pod.metadata?.name ?? ''} in StatefulSet ${set.metadata?.name ?? ''}`;
  try {
    const created = await client.create<Pod>(resources.pods, pod, term.write);
    recorder.event(set, 'Normal', 'SuccessfulCreate', `create ${what} successful`);
    return versionOf(created);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    recorder.event(set, 'Warning', 'FailedCreate', `create ${what} failed error: ${message}`);
    throw error;
  }
}

/** A claim that somebody made before is as good as one of ours. */
async function createClaims(
  { client, informers, recorder, term }: LoopContext,
  set: StatefulSet,
  pod: Pod,
  claims: readonly PersistentVolumeClaim[],
): Promise<number> {
  const owner = `Pod ${pod.metadata?.name ?? ''} in StatefulSet ${set.metadata?.name ?? ''}`;
  let version = 0;
  for (const claim of claims) {
    const what = `create Claim ${claim.metadata?.name ?? ''} ${owner}`;
    try {
      const type = resources.persistentvolumeclaims;
      version = Math.max(
        version,
        versionOf(await client.create<PersistentVolumeClaim>(type, claim, term.write)),
      );
      recorder.event(set, 'Normal', 'SuccessfulCreate', `${what} success`);
    } catch (error) {
      if (isAlreadyExists(error)) continue;
      const message = error instanceof Error ? error.message : String(error);
      recorder.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${message}`);
      throw error;
    }
  }
  if (version > 0) await informers.persistentvolumeclaims.catchUp(version, term.signal, observeForMs);
  return version;
}

async function deletePod({ client, recorder, term }: LoopContext, set: StatefulSet, pod: Pod): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  try {
    await client.delete(resources.pods, { namespace, name }, { ...term.write, ...preconditions });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const message = `delete Pod ${name} in StatefulSet ${set.metadata?.name ?? ''} successful`;
  recorder.event(set, 'Normal', 'SuccessfulDelete', message);
}

function countCollision(context: LoopContext, set: StatefulSet): Promise<void> {
  const collisionCount = (set.status?.collisionCount ?? 0) + 1;
  return writeStatus(context, { ...set, status: { replicas: 0, ...set.status, collisionCount } });
}

async function writeStatus({ client, informers, term }: LoopContext, set: StatefulSet): Promise<void> {
  try {
    const options = { ...term.write, subresource: 'status' };
    const written = await client.update<StatefulSet>(resources.statefulsets, set, options);
    await informers.statefulsets.catchUp(versionOf(written), term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function versionOf({ metadata }: { metadata?: { resourceVersion?: string } }): number {
  return Number(metadata?.resourceVersion ?? 0);
}
