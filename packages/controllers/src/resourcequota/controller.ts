/**
 * Keeps `status` of quotas: what is limited, as soon as its owner says so, and what is used, as objects go. What comes
 * is charged by the API server in the transaction that creates it; this loop takes off what went, and counts what was
 * there before the quota.
 *
 * Invariant: usage is lowered only by a count that has seen everything charged so far. Each charge changes the quota at
 * the revision at which its object came; so a cache that has reached the quota's revision has seen all of them, and a
 * charge that comes later makes the write of the status fail. A cache that lags is not waited for: the namespace is
 * listed instead.
 */
import { type ResourceQuota, resources } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { add, type Amounts, isSame } from '@timonier/api/quota/amounts';
import { countUsage } from '@timonier/api/quota/count';
import {
  type CatchingInformer,
  isConflict,
  isNotFound,
  type KubeObject,
  objectKey,
  parseKey,
  type Stoppable,
} from '@timonier/client';
import type { Monitored, ResourceMonitor } from '../garbagecollector/monitor.ts';
import { type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';
import { kindsFor, objectsIn, type QuotaKind, quotaKindOf } from './kinds.ts';

/** Everything is counted anew this often, as upstream. */
const resyncMs = 5 * 60_000;
/** Deletions come in crowds. */
const afterRemovalMs = 50;
/** What comes is charged already; only what came before the API server knew of the quota is not. */
const afterAdditionMs = 1_000;
const afterConflictMs = 20;

export function startResourceQuotaController(context: LoopContext, monitor: ResourceMonitor): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'resourcequota',
    concurrency: 5,
    feeds: [quotaFeed(informers.resourcequotas), objectFeed(context, monitor)],
    sync: (key) => sync(context, monitor, key),
  });
}

/** Quotas that are new or ask for something else; a status that changes is no reason to count. */
function quotaFeed(quotas: CatchingInformer<ResourceQuota>): Feed {
  return {
    subscribe(enqueue) {
      const unsubscribe = quotas.on(({ type, object, previous }) => {
        const { spec, status } = previous ?? {};
        const isOld =
          type === 'updated' &&
          isSame(spec?.hard ?? {}, object.spec?.hard ?? {}) &&
          isSame(status?.hard ?? {}, object.status?.hard ?? {});
        if (type !== 'deleted' && !isOld) enqueue(objectKey(object));
      });
      for (const quota of quotas.list()) enqueue(objectKey(quota));
      return unsubscribe;
    },
  };
}

/** Objects that come, go or change what they use, in namespaces that have quotas. */
function objectFeed({ informers }: LoopContext, monitor: ResourceMonitor): Feed {
  return {
    subscribe(enqueue) {
      const ends: (() => void)[] = [];
      const follow = (entry: Monitored): void => {
        const kind = quotaKindOf(entry);
        if (kind === undefined) return;
        const isMeasured = ({ spec }: ResourceQuota): boolean =>
          Object.keys(spec?.hard ?? {}).some(kind.evaluator.measures);
        // A kind that has just come may have been limited before.
        for (const quota of informers.resourcequotas.list()) if (isMeasured(quota)) enqueue(objectKey(quota));
        ends.push(
          kind.informer.on(({ type, object, previous }) => {
            const quotas = informers.resourcequotas.byIndex('namespace', object.metadata?.namespace ?? '');
            for (const quota of quotas) {
              if (!isMeasured(quota)) continue;
              const key = objectKey(quota);
              if (type === 'added') enqueue(key, afterAdditionMs);
              else if (type === 'deleted' || usesOther(quota, kind, previous, object))
                enqueue(key, afterRemovalMs);
              else if (isGoing(object) && !isGoing(previous)) enqueue(key, untilOverdueMs(object));
            }
          }),
        );
      };
      for (const entry of monitor.monitored) follow(entry);
      ends.push(monitor.onAdded(follow));
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

function usesOther(
  quota: ResourceQuota,
  { evaluator }: QuotaKind,
  previous: KubeObject | undefined,
  object: KubeObject,
): boolean {
  const [before, after] = [previous, object].map((one) =>
    // Informers and admission describe the same objects with different types.
    countUsage(quota, evaluator, one === undefined ? [] : [one as ApiObject], Date.now()),
  );
  return !isSame(before ?? {}, after ?? {});
}

function isGoing(object: KubeObject | undefined): boolean {
  return object?.metadata?.deletionTimestamp !== undefined;
}

/** When pods that are going cease to count, whether their nodes end them or not. */
function overdueTimes(kind: QuotaKind, { metadata }: ResourceQuota): number[] {
  if (kind.type.group !== '' || kind.type.resource !== 'pods') return [];
  const going = kind.informer.byIndex('namespace', metadata?.namespace ?? '').filter(isGoing);
  return going.map(untilOverdueMs).filter((time) => time > afterRemovalMs);
}

function untilOverdueMs({
  metadata,
}: KubeObject & { metadata?: { deletionGracePeriodSeconds?: number } }): number {
  const grace = (metadata?.deletionGracePeriodSeconds ?? 0) * 1_000;
  return Math.max(afterRemovalMs, Date.parse(metadata?.deletionTimestamp ?? '') + grace - Date.now() + 1_000);
}

async function sync(
  context: LoopContext,
  monitor: ResourceMonitor,
  key: string,
): Promise<void | { againAfterMs: number }> {
  const { client, informers, term } = context;
  const quota = informers.resourcequotas.get(parseKey(key));
  if (quota === undefined) return undefined;
  const kinds = kindsFor(Object.keys(quota.spec?.hard ?? {}), monitor);
  let { status, lowered } = decide(quota, count(quota, kinds, new Map()));
  if (lowered.length > 0) {
    const lists = await freshLists(context, quota, kinds, lowered);
    if (lists.size > 0) ({ status } = decide(quota, count(quota, kinds, lists)));
  }
  const again = { againAfterMs: Math.min(resyncMs, ...kinds.flatMap((kind) => overdueTimes(kind, quota))) };
  if (status === undefined) return again;
  try {
    await client.update(
      resources.resourcequotas,
      { ...quota, status },
      { ...term.write, subresource: 'status' },
    );
  } catch (error) {
    if (isConflict(error)) return { againAfterMs: afterConflictMs };
    if (!isNotFound(error)) throw error;
    return undefined;
  }
  return again;
}

type Lists = ReadonlyMap<QuotaKind, readonly ApiObject[]>;

/** What the objects of all kinds use; `lists` stand for caches. */
function count(quota: ResourceQuota, kinds: readonly QuotaKind[], lists: Lists): Amounts {
  const now = Date.now();
  const namespace = quota.metadata?.namespace ?? '';
  let counted: Amounts = {};
  for (const kind of kinds) {
    const objects = lists.get(kind) ?? objectsIn(kind, namespace);
    counted = add(counted, countUsage(quota, kind.evaluator, objects, now));
  }
  return counted;
}

/** Lists the kinds that would lower usage by what a cache that is older than the quota has. */
async function freshLists(
  { client }: LoopContext,
  { metadata }: ResourceQuota,
  kinds: readonly QuotaKind[],
  lowered: readonly string[],
): Promise<Lists> {
  const revision = Number(metadata?.resourceVersion ?? 0);
  const doubtful = kinds.filter(
    ({ evaluator, informer, isWhole }) =>
      lowered.some(evaluator.measures) && (!isWhole || Number(informer.resourceVersion) < revision),
  );
  const lists = await Promise.all(
    doubtful.map(async (kind): Promise<[QuotaKind, ApiObject[]]> => {
      const { items } = await client.list(kind.type, { namespace: metadata?.namespace ?? '' });
      return [kind, items as ApiObject[]];
    }),
  );
  return new Map(lists);
}
