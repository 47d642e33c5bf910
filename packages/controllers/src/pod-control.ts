/**
 * What every controller that keeps pods does with them: create, delete, adopt, let go. Each call ends only when the
 * pod cache shows what was written: all objects share one revision, so a cache at a write's revision has seen it.
 */
import { type Pod, type PodTemplateSpec, resources } from '@timonier/api';
import { isConflict, isInvalid, isNotFound, type KubeObject } from '@timonier/client';
import type { LoopContext } from './loop.ts';
import type { OwnerLike } from './owner.ts';

/** Longer than a watch ever lags in health; the cache is listed anew after that. */
export const observeForMs = 2_000;

export interface PodOwner {
  readonly object: KubeObject;
  readonly apiVersion: string;
  readonly kind: string;
}

export function ownerReferenceTo({ object, apiVersion, kind }: PodOwner): OwnerLike {
  const { name = '', uid = '' } = object.metadata ?? {};
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** A pod as the template says, with the name that its controller gives it. */
export function podFromTemplate(
  owner: PodOwner,
  template: PodTemplateSpec | undefined,
  name: { readonly name: string } | { readonly generateName: string },
): Pod {
  const { metadata, spec } = template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...name,
      namespace: owner.object.metadata?.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [ownerReferenceTo(owner)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

/** In batches that double while all goes well, so that a quota or a webhook that refuses is asked once, not often. */
export async function createPods(
  context: LoopContext,
  { object: owner }: PodOwner,
  pods: readonly Pod[],
): Promise<void> {
  const { client, informers, recorder, term } = context;
  const { name = '', namespace = '' } = owner.metadata ?? {};
  let revision = 0;
  try {
    for (let done = 0, batch = 1; done < pods.length; done += batch, batch *= 2) {
      const results = await Promise.allSettled(
        pods.slice(done, done + batch).map((pod) => client.create<Pod>(resources.pods, pod, term.write)),
      );
      for (const result of results) {
        if (result.status === 'rejected') continue;
        const pod = result.value;
        revision = Math.max(revision, Number(pod.metadata?.resourceVersion ?? 0));
        recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name ?? ''}`);
      }
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        const reason: unknown = failed.reason;
        const message = reason instanceof Error ? reason.message : String(reason);
        recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${message}`);
        throw new Error(`cannot create a pod for ${namespace}/${name}: ${message}`, { cause: reason });
      }
    }
  } finally {
    if (revision > 0) await informers.pods.catchUp(revision, term.signal, observeForMs);
  }
}

export async function deletePods(
  context: LoopContext,
  { object: owner }: PodOwner,
  victims: readonly Pod[],
): Promise<void> {
  const { client, informers, recorder, term } = context;
  const results = await Promise.allSettled(
    victims.map(async (pod) => {
      const { name = '', namespace, uid } = pod.metadata ?? {};
      try {
        await client.delete(
          resources.pods,
          { namespace, name },
          { ...term.write, ...(uid === undefined ? {} : { preconditions: { uid } }) },
        );
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    }),
  );
  const gone = victims.filter((_, i) => results[i]?.status === 'fulfilled');
  const seen = (): boolean =>
    gone.every((pod) => {
      const cached = informers.pods.get({
        namespace: pod.metadata?.namespace,
        name: pod.metadata?.name ?? '',
      });
      return cached?.metadata?.uid !== pod.metadata?.uid || cached?.metadata?.deletionTimestamp !== undefined;
    });
  await informers.pods.until(seen, term.signal, observeForMs);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Also gives the pod `finalizers`, with which the controller tracks its pods. */
export function adoptPod(
  context: LoopContext,
  owner: PodOwner,
  pod: Pod,
  finalizers: readonly string[] = [],
): Promise<void> {
  return patchPod(context, pod, {
    ownerReferences: [ownerReferenceTo(owner)],
    ...(finalizers.length === 0 ? {} : { finalizers }),
  });
}

export function releasePod(
  context: LoopContext,
  { object: owner }: PodOwner,
  pod: Pod,
  finalizers: readonly string[] = [],
): Promise<void> {
  return patchPod(context, pod, {
    ownerReferences: [{ $patch: 'delete', uid: owner.metadata?.uid }],
    ...withoutFinalizers(finalizers),
  });
}

export function removeFinalizers(
  context: LoopContext,
  pod: Pod,
  finalizers: readonly string[],
): Promise<void> {
  return patchPod(context, pod, withoutFinalizers(finalizers));
}

function withoutFinalizers(finalizers: readonly string[]): object {
  return finalizers.length === 0 ? {} : { '$deleteFromPrimitiveList/finalizers': finalizers };
}

/** Changes this very pod's metadata; one that is gone, or whose name another pod has by now, needs no change. */
async function patchPod({ client, informers, term }: LoopContext, pod: Pod, metadata: object): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const patch = { metadata: { uid, ...metadata } };
  try {
    const patched = await client.patch(resources.pods, { namespace, name }, 'strategic', patch, term.write);
    const revision = Number(patched.metadata?.resourceVersion ?? 0);
    await informers.pods.catchUp(revision, term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error) && !isInvalid(error) && !isConflict(error)) throw error;
  }
}
