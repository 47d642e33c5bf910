/**
 * Keeps a pod of each DaemonSet on every node that should have one. A sync ends only when the caches show what it
 * wrote, so the next one never decides on pods or revisions from before its own writes.
 */
import { type ControllerRevision, type DaemonSet, type Node, type Pod, resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { Backoff } from '../backoff.ts';
import { sameValue } from '../equality.ts';
import { feed, type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { adoptPod, createPods, deletePods, observeForMs, releasePod } from '../pod-control.ts';
import { deleteRevision, writeRevision } from '../revision-control.ts';
import { decide, type DaemonSetDecision } from './decide.ts';
import { expiredRevisions, type History, historyOf, revisionHash } from './history.ts';
import { hashLabel, ownerOf } from './nodes.ts';

/** Failed pods of a node are replaced at once, then after waits that double between these. */
const firstBackoffMs = 1_000;
const maxBackoffMs = 15 * 60_000;

export function startDaemonSetController(context: LoopContext): Stoppable {
  const { informers } = context;
  const backoff = new Backoff(firstBackoffMs, maxBackoffMs);
  return startQueueLoop(context, {
    name: 'daemonset',
    concurrency: 5,
    feeds: [
      feed(informers.daemonsets, (set) => [objectKey(set)]),
      feed(informers.pods, (pod) => keysOf(context, pod)),
      feed(informers.controllerrevisions, (revision) => keysOf(context, revision)),
      nodeFeed(context),
    ],
    sync: (key) => sync(context, backoff, key),
  });
}

function keysOf({ informers }: LoopContext, object: Pod | ControllerRevision): string[] {
  return concerned(object, 'DaemonSet', (namespace) => informers.daemonsets.byIndex('namespace', namespace));
}

/** Every set looks at a node that comes, goes or changes in what placement asks for; a heartbeat concerns none. */
function nodeFeed({ informers }: LoopContext): Feed {
  const asked = ({ metadata, spec }: Node): unknown => [metadata?.labels, spec?.taints];
  return {
    subscribe: (enqueue) =>
      informers.nodes.on(({ type, object, previous }) => {
        if (type !== 'deleted' && previous !== undefined && sameValue(asked(object), asked(previous))) return;
        for (const set of informers.daemonsets.list()) enqueue(objectKey(set));
      }),
  };
}

async function sync(
  context: LoopContext,
  backoff: Backoff,
  key: string,
): Promise<void | { againAfterMs: number }> {
  const { informers, recorder } = context;
  const set = informers.daemonsets.get(parseKey(key));
  if (set === undefined) return undefined;
  if (sameValue(set.spec?.selector, {})) {
    const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
    recorder.event(set, 'Warning', 'SelectingAll', message);
    return undefined;
  }
  // Its revisions may be gone before its pods are, so nothing can be said about one that is leaving.
  if (set.metadata?.deletionTimestamp !== undefined) return undefined;
  const podsOf = (): Pod[] => [
    ...informers.pods.byIndex('owner', set.metadata?.uid ?? ''),
    ...informers.pods.byIndex('orphans', set.metadata?.namespace ?? ''),
  ];
  const revisions = [
    ...informers.controllerrevisions.byIndex('owner', set.metadata?.uid ?? ''),
    ...informers.controllerrevisions.byIndex('orphans', set.metadata?.namespace ?? ''),
  ];
  const history = historyOf(set, revisions, podsOf());
  await writeHistory(context, set, history);
  const decision = decide({
    set,
    hash: revisionHash(history.current),
    pods: podsOf(),
    nodes: informers.nodes.list(),
    now: Date.now(),
    backoffMs: (node) => backoff.leftMs(`${key} ${node}`, Date.now()),
  });
  for (const node of decision.failedOn) backoff.failed(`${key} ${node}`, Date.now());
  try {
    await writePods(context, set, decision);
    for (const revision of expiredRevisions(set, history.old, decision.own)) {
      await deleteRevision(context, revision);
    }
  } finally {
    // Also when pods cannot be created: what there is can be told.
    if (decision.status !== undefined) await writeStatus(context, { ...set, status: decision.status });
  }
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

async function writePods(context: LoopContext, set: DaemonSet, decision: DaemonSetDecision): Promise<void> {
  const owner = ownerOf(set);
  for (const pod of decision.adopt) await adoptPod(context, owner, pod);
  for (const pod of decision.release) await releasePod(context, owner, pod);
  for (const { type, reason, message } of decision.notices) {
    context.recorder.event(set, type, reason, message);
  }
  const outcomes = await Promise.allSettled([
    createPods(context, owner, decision.create),
    deletePods(context, owner, decision.delete),
  ]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function writeHistory(context: LoopContext, set: DaemonSet, history: History): Promise<void> {
  const { client, informers, term } = context;
  await writeRevision(context, ownerOf(set), history, () => countCollision(context, set));
  const { current, duplicates, relabel } = history;
  let labelled = 0;
  for (const { metadata } of relabel) {
    const key = { namespace: metadata?.namespace, name: metadata?.name ?? '' };
    const patch = { metadata: { uid: metadata?.uid, labels: { [hashLabel]: revisionHash(current) } } };
    const pod = await client.patch(resources.pods, key, 'strategic', patch, term.write);
    labelled = Math.max(labelled, Number(pod.metadata?.resourceVersion ?? 0));
  }
  if (labelled > 0) await informers.pods.catchUp(labelled, term.signal, observeForMs);
  for (const duplicate of duplicates) await deleteRevision(context, duplicate);
}

function countCollision(context: LoopContext, set: DaemonSet): Promise<void> {
  const collisionCount = (set.status?.collisionCount ?? 0) + 1;
  const counts = {
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
    ...set.status,
  };
  return writeStatus(context, { ...set, status: { ...counts, collisionCount } });
}

async function writeStatus({ client, informers, term }: LoopContext, set: DaemonSet): Promise<void> {
  try {
    const written = await client.update(resources.daemonsets, set, { ...term.write, subresource: 'status' });
    const revision = Number(written.metadata?.resourceVersion ?? 0);
    await informers.daemonsets.catchUp(revision, term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
