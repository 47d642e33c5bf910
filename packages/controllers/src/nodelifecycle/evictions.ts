/** What is done to the pods of a node that is not well: marked not ready, and deleted when their time is over. */
import { type Node, type Pod, resources } from '@timonier/api';
import { isNotFound } from '@timonier/client';
import type { LoopContext } from '../loop.ts';
import { podCondition } from '../pods.ts';

const parallel = 16;

/** Does one thing to each pod, several at a time. One that fails keeps no other waiting; the first error is thrown. */
export async function forEachPod(pods: readonly Pod[], act: (pod: Pod) => Promise<void>): Promise<void> {
  const waiting = [...pods];
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) {
      try {
        await act(pod);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, pods.length) }, worker));
  if (errors.length > 0) throw errors[0];
}

/** Takes a pod out of service, since its kubelet cannot say any more whether it serves. */
export async function markNotReady({ client, term }: LoopContext, pod: Pod): Promise<void> {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return;
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = { type: 'Ready', status: 'False', reason: 'NodeLost', lastTransitionTime };
  try {
    await client.patch(
      resources.pods,
      { namespace, name },
      'strategic',
      { metadata: { uid }, status: { conditions: [condition] } },
      { ...term.write, subresource: 'status' },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Deletes a pod; with its node lost nobody can confirm an end in good order, so it is removed at once. */
export async function evict(
  { client, term, recorder }: LoopContext,
  node: Node,
  pod: Pod,
  lost: boolean,
): Promise<void> {
  const { name = '', namespace, uid, deletionTimestamp } = pod.metadata ?? {};
  if (deletionTimestamp !== undefined && !lost) return;
  try {
    await client.delete(
      resources.pods,
      { namespace, name },
      {
        ...term.write,
        ...(lost ? { gracePeriodSeconds: 0 } : {}),
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return;
  }
  const nodeName = node.metadata?.name ?? '';
  recorder
    .from('taint-eviction-controller')
    .event(
      pod,
      'Normal',
      'TaintManagerEviction',
      `Marking for deletion Pod ${namespace ?? ''}/${name} of node ${nodeName}`,
    );
}
