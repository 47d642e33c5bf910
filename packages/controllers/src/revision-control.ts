/**
 * The history of a template in ControllerRevisions, as DaemonSets and StatefulSets keep it: what a revision holds, and
 * how it is written. Writes end only when the cache shows them.
 */
import { type ControllerRevision, type PodTemplateSpec, resources } from '@timonier/api';
import { isAlreadyExists, isNotFound } from '@timonier/client';
import { canonicalJson, fnv32, safeName, sameValue } from './equality.ts';
import type { LoopContext } from './loop.ts';
import { controllerOf } from './owner.ts';
import { observeForMs, ownerReferenceTo, type PodOwner } from './pod-control.ts';

/** A strategic patch that brings the template back, as `kubectl rollout undo` sends it. */
export function templateData(template: PodTemplateSpec | undefined): unknown {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** The template that a revision holds. */
export function templateIn({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const template = (data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } }).spec?.template;
  if (template === undefined) return undefined;
  const { $patch: _, ...plain } = template;
  return plain;
}

/** `hashLabel` gets what makes the name differ from those of other templates. */
export function newRevision(
  owner: PodOwner,
  template: PodTemplateSpec | undefined,
  revision: number,
  { collisionCount, hashLabel }: { readonly collisionCount: number; readonly hashLabel: string },
): ControllerRevision {
  const { name = '', namespace = '' } = owner.object.metadata ?? {};
  const { annotations } = (owner.object.metadata ?? {}) as { annotations?: Record<string, string> };
  const hash = safeName(fnv32(`${canonicalJson(template)}${collisionCount === 0 ? '' : collisionCount}`));
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...template?.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReferenceTo(owner)],
    },
    data: templateData(template),
    revision,
  };
}

export interface RevisionChange {
  /** Matching revisions that nobody controls. */
  readonly adopt: readonly ControllerRevision[];
  readonly current: ControllerRevision;
  readonly change: 'none' | 'create' | 'update';
}

/** `onCollision` counts up what the next name is made from, when the name belongs to another template. */
export async function writeRevision(
  context: LoopContext,
  owner: PodOwner,
  { adopt, current, change }: RevisionChange,
  onCollision: () => Promise<void>,
): Promise<void> {
  const { client, informers, term } = context;
  let seen = 0;
  const wrote = ({ metadata }: ControllerRevision): void => {
    seen = Math.max(seen, Number(metadata?.resourceVersion ?? 0));
  };
  for (const { metadata } of adopt) {
    const patch = { metadata: { uid: metadata?.uid, ownerReferences: [ownerReferenceTo(owner)] } };
    const key = { namespace: metadata?.namespace, name: metadata?.name ?? '' };
    wrote(await client.patch(resources.controllerrevisions, key, 'strategic', patch, term.write));
  }
  // What has just been adopted is changed in the next run, when its new version is known.
  const adopted = adopt.some(({ metadata }) => metadata?.uid === current.metadata?.uid);
  if (change === 'create') wrote(await createRevision(context, owner, current, onCollision));
  else if (change === 'update' && !adopted) {
    wrote(await client.update(resources.controllerrevisions, current, term.write));
  }
  if (seen > 0) await informers.controllerrevisions.catchUp(seen, term.signal, observeForMs);
}

async function createRevision(
  { client, term }: LoopContext,
  { object }: PodOwner,
  revision: ControllerRevision,
  onCollision: () => Promise<void>,
): Promise<ControllerRevision> {
  try {
    return await client.create<ControllerRevision>(resources.controllerrevisions, revision, term.write);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const { name = '', namespace } = revision.metadata ?? {};
  const existing = await client.get(resources.controllerrevisions, { namespace, name });
  const ours = controllerOf(existing)?.uid === object.metadata?.uid;
  // Our own write that the cache has not shown yet.
  if (ours && sameValue(existing.data, revision.data)) return existing;
  await onCollision();
  throw new Error(`the name ${name} belongs to another template; a new one will be used`);
}

export async function deleteRevision(
  { client, informers, term }: LoopContext,
  { metadata }: ControllerRevision,
): Promise<void> {
  const { name = '', namespace, uid } = metadata ?? {};
  try {
    await client.delete(
      resources.controllerrevisions,
      { namespace, name },
      { ...term.write, ...(uid === undefined ? {} : { preconditions: { uid } }) },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const gone = (): boolean => informers.controllerrevisions.get({ namespace, name })?.metadata?.uid !== uid;
  await informers.controllerrevisions.until(gone, term.signal, observeForMs);
}
