/**
 * Rolls Deployments out. A sync ends only when the caches show what it wrote, so the next one never decides on
 * sets from before its own writes.
 */
import { type Deployment, type ReplicaSet, resources, selectorMatches } from '@timonier/api';
import { isAlreadyExists, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import { isPodFinished } from '../pods.ts';
import { decide, type DeploymentAction } from './decide.ts';
import { newestSet, templateKey } from './new-set.ts';

const observeForMs = 2_000;

export function startDeploymentController(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'deployment',
    concurrency: 5,
    feeds: [
      feed(informers.deployments, (deployment) => [objectKey(deployment)]),
      feed(informers.replicasets, (set) => keysOfSet(context, set)),
      feed(informers.pods, (pod) => {
        const owner = controllerOf(pod);
        const set =
          owner?.kind === 'ReplicaSet'
            ? informers.replicasets.get({ namespace: pod.metadata?.namespace, name: owner.name })
            : undefined;
        // Only Recreate waits for pods themselves; the sets' statuses tell the rest.
        const key = set === undefined ? undefined : keysOfSet(context, set)[0];
        const deployment = key === undefined ? undefined : informers.deployments.get(parseKey(key));
        return key !== undefined && deployment?.spec?.strategy?.type === 'Recreate' ? [key] : [];
      }),
    ],
    sync: (key) => sync(context, key),
  });
}

function keysOfSet({ informers }: LoopContext, set: ReplicaSet): string[] {
  return concerned(set, 'Deployment', (namespace) => informers.deployments.byIndex('namespace', namespace));
}

async function sync(context: LoopContext, key: string): Promise<void | { againAfterMs: number }> {
  const { client, informers, term } = context;
  const deployment = informers.deployments.get(parseKey(key));
  if (deployment === undefined) return undefined;
  await adoptOrphans(context, deployment);
  const sets = informers.replicasets.byIndex('owner', deployment.metadata?.uid ?? '');
  const decision = decide({
    deployment,
    sets,
    oldPodsRunning: hasOldPods(context, deployment, sets),
    now: Date.now(),
  });
  let current = deployment;
  for (const action of decision.actions) current = await perform(context, current, action);
  if (decision.status !== undefined) {
    current = await client.update(
      resources.deployments,
      { ...current, status: decision.status },
      { ...term.write, subresource: 'status' },
    );
  }
  if (current !== deployment) {
    await informers.deployments.catchUp(revisionNumber(current), term.signal, observeForMs);
  }
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

async function perform(
  context: LoopContext,
  deployment: Deployment,
  action: DeploymentAction,
): Promise<Deployment> {
  const { client, informers, recorder, term } = context;
  switch (action.type) {
    case 'createSet':
      return createSet(context, deployment, action.set);
    case 'updateSet': {
      const set = await client.update(resources.replicasets, action.set, term.write);
      if (action.from !== action.to) {
        recordScaling(context, deployment, set, action.from, action.to);
      }
      await informers.replicasets.catchUp(revisionNumber(set), term.signal, observeForMs);
      return deployment;
    }
    case 'deleteSet': {
      const { name = '', namespace, uid } = action.set.metadata ?? {};
      try {
        await client.delete(
          resources.replicasets,
          { namespace, name },
          { ...term.write, ...(uid === undefined ? {} : { preconditions: { uid } }) },
        );
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return deployment;
    }
    case 'annotate': {
      const metadata = { ...deployment.metadata, annotations: action.annotations };
      // By the status, where an annotation makes no new generation.
      return client.update(
        resources.deployments,
        { ...deployment, metadata },
        { ...term.write, subresource: 'status' },
      );
    }
    default:
      action satisfies never;
      recorder.event(deployment, 'Warning', 'InternalError', 'unknown action');
      return deployment;
  }
}

async function createSet(context: LoopContext, deployment: Deployment, set: ReplicaSet): Promise<Deployment> {
  const { client, informers, term } = context;
  try {
    const created = await client.create(resources.replicasets, set, term.write);
    recordScaling(context, deployment, created, 0, created.spec?.replicas ?? 0);
    await informers.replicasets.catchUp(revisionNumber(created), term.signal, observeForMs);
    return deployment;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const { name = '', namespace } = set.metadata ?? {};
  const existing = await client.get(resources.replicasets, { namespace, name });
  const ours = controllerOf(existing)?.uid === deployment.metadata?.uid;
  if (ours && templateKey(existing.spec?.template) === templateKey(set.spec?.template)) {
    // Our own write that the cache has not shown yet.
    await informers.replicasets.catchUp(revisionNumber(existing), term.signal, observeForMs);
    return deployment;
  }
  // Two templates with one hash: count up, so that the next run finds another name.
  const status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
  await client.update(
    resources.deployments,
    { ...deployment, status },
    { ...term.write, subresource: 'status' },
  );
  throw new Error(`the name ${name} belongs to another template; a new one will be used`);
}

function recordScaling(
  { recorder }: LoopContext,
  deployment: Deployment,
  set: ReplicaSet,
  from: number,
  to: number,
): void {
  if (from === to) return;
  const direction = to > from ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${set.metadata?.name ?? ''} from ${from} to ${to}`;
  recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message);
}

function hasOldPods(
  { informers }: LoopContext,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): boolean {
  const newest = newestSet(deployment, sets);
  return sets.some(
    (set) =>
      set !== newest &&
      informers.pods.byIndex('owner', set.metadata?.uid ?? '').some((pod) => !isPodFinished(pod)),
  );
}

async function adoptOrphans({ client, informers, term }: LoopContext, deployment: Deployment): Promise<void> {
  const { name = '', namespace = '', uid = '', deletionTimestamp } = deployment.metadata ?? {};
  if (deletionTimestamp !== undefined) return;
  for (const set of informers.replicasets.byIndex('orphans', namespace)) {
    if (set.metadata?.deletionTimestamp !== undefined) continue;
    if (!selectorMatches(deployment.spec?.selector, set.metadata?.labels)) continue;
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const patch = { metadata: { uid: set.metadata?.uid, ownerReferences: [owner] } };
    const adopted = await client.patch(
      resources.replicasets,
      { namespace, name: set.metadata?.name ?? '' },
      'strategic',
      patch,
      term.write,
    );
    await informers.replicasets.catchUp(revisionNumber(adopted), term.signal, observeForMs);
  }
}

function revisionNumber(object: { metadata?: { resourceVersion?: string } }): number {
  return Number(object.metadata?.resourceVersion ?? 0);
}
