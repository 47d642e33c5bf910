/**
 * Empties namespaces that are being deleted, kind by kind as discovery lists them, tells in their conditions what
 * still holds them, and lets go of each when nothing is left in it.
 *
 * Pods go first, and nothing else goes before them: what still runs must not lose its network policy, its account or its
 * settings. A kind that refuses keeps no other from being emptied. The namespace ends only after a pass over *all* kinds, with
 * discovery in order, that found nothing; until then only kinds that had something left are looked at again.
 */
import { type Namespace, resources } from '@timonier/api';
import { isNotFound, parseKey, type Stoppable } from '@timonier/client';
import type { OwnedMetadata, ServedResource } from '../discovery.ts';
import { sameValue } from '../equality.ts';
import type { ServedResources } from '../garbagecollector/monitor.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { type ContentReport, deletionConditions } from './conditions.ts';
import { decide } from './decide.ts';

const listLimit = 500;
const againAfterMs = 500;
const maxDelayMs = 10_000;
/** Objects of one kind deleted at the same time. */
const parallel = 8;
/** Failures named in a condition; more of them rarely say more. */
const failuresShown = 5;

/** The kinds that had something left at the last pass, by namespace uid. */
type Leftovers = Map<string, ReadonlySet<string>>;

export function startNamespaceController(context: LoopContext, served: ServedResources): Stoppable {
  const { informers } = context;
  const leftovers: Leftovers = new Map();
  return startQueueLoop(context, {
    name: 'namespace',
    concurrency: 4,
    maxDelayMs,
    feeds: [
      feed(informers.namespaces, (namespace) => [namespace.metadata?.name ?? '']),
      {
        subscribe: () =>
          informers.namespaces.on(({ type, object }) => {
            if (type === 'deleted') leftovers.delete(object.metadata?.uid ?? '');
          }),
      },
    ],
    sync: (key) => sync(context, served, leftovers, parseKey(key).name),
  });
}

async function sync(
  context: LoopContext,
  served: ServedResources,
  leftovers: Leftovers,
  name: string,
): Promise<void | { againAfterMs: number }> {
  const { client, informers, term } = context;
  const namespace = informers.namespaces.get({ name });
  if (namespace === undefined || decide(namespace, 0) === 'nothing') return undefined;
  const types = (await served.get()).filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('list') && verbs.includes('delete'),
  );
  const uid = namespace.metadata?.uid ?? '';
  const partly = leftovers.get(uid);
  let report = await empty(context, types, served.problem, name, partly);
  // What was left is gone; others may have come meanwhile.
  if ((partly?.size ?? 0) > 0 && isEmpty(report)) report = await empty(context, types, served.problem, name);
  leftovers.set(uid, new Set(report.remaining.keys()));
  const current = await writeConditions(context, namespace, report);
  if (report.failures.length > 0) throw new Error(`cannot empty namespace ${name}: ${report.failures[0]}`);
  const left = [...report.remaining.values()].reduce((sum, count) => sum + count, 0);
  if (report.discoveryProblem !== undefined || decide(current, left) === 'wait') return { againAfterMs };
  const finalizers = (current.spec?.finalizers ?? []).filter((finalizer) => finalizer !== 'kubernetes');
  const finalized: Namespace = { ...current, spec: { ...current.spec, finalizers } };
  try {
    await client.update(resources.namespaces, finalized, { ...term.write, subresource: 'finalize' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}

function isPods({ group, resource }: ServedResource): boolean {
  return group === '' && resource === 'pods';
}

function isEmpty({ remaining, failures }: ContentReport): boolean {
  return remaining.size === 0 && failures.length === 0;
}

async function writeConditions(
  { client, term }: LoopContext,
  namespace: Namespace,
  report: ContentReport,
): Promise<Namespace> {
  const known = namespace.status?.conditions ?? [];
  // A namespace that was empty anyway ends without a word.
  if (known.length === 0 && isEmpty(report) && report.discoveryProblem === undefined) return namespace;
  const conditions = deletionConditions(known, report, Date.now());
  if (sameValue(conditions, known)) return namespace;
  const changed = { ...namespace, status: { ...namespace.status, conditions } };
  return client.update(resources.namespaces, changed, { ...term.write, subresource: 'status' });
}

/** Deletes what is not on its way out yet, of all kinds or of those named in `only`. */
async function empty(
  context: LoopContext,
  types: readonly ServedResource[],
  discoveryProblem: string | undefined,
  namespace: string,
  only?: ReadonlySet<string>,
): Promise<ContentReport> {
  const failures: string[] = [];
  const remaining = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const note = (kind: string, items: readonly OwnedMetadata[]): void => {
    if (items.length > 0) remaining.set(kind, items.length);
    for (const finalizer of items.flatMap(({ metadata }) => metadata?.finalizers ?? [])) {
      finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    }
  };
  const list = async (type: ServedResource): Promise<readonly OwnedMetadata[]> => {
    const { items } = await context.client.list(type, { namespace, limit: listLimit });
    return items;
  };
  for (const type of types.toSorted((a, b) => Number(isPods(b)) - Number(isPods(a)))) {
    const kind = type.group === '' ? type.resource : `${type.resource}.${type.group}`;
    if (only !== undefined && only.size > 0 && !only.has(kind)) continue;
    try {
      const items = await list(type);
      if (!isPods(type)) note(kind, items);
      await removeAll(context, type, namespace, items);
      if (!isPods(type) || items.length === 0) continue;
      // Those that no node runs are gone already.
      const left = await list(type);
      note(kind, left);
      if (left.length > 0) break;
    } catch (error) {
      // A kind that is no longer served has nothing left.
      if (isNotFound(error)) continue;
      if (failures.length < failuresShown) failures.push(`${kind}: ${wordsOf(error)}`);
    }
  }
  return { discoveryProblem, failures, remaining, finalizers };
}

async function removeAll(
  { client, term }: LoopContext,
  type: ServedResource,
  namespace: string,
  items: readonly OwnedMetadata[],
): Promise<void> {
  const going = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const options = { ...term.write, propagationPolicy: 'Background' } as const;
  for (let i = 0; i < going.length; i += parallel) {
    await Promise.all(
      going.slice(i, i + parallel).map(async ({ metadata }) => {
        try {
          await client.delete(type, { namespace, name: metadata?.name ?? '' }, options);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }),
    );
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
