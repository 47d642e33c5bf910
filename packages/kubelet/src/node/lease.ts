/**
 * Renews this node's lease, the sign of life by which the control plane knows that the node is there. Each renewal
 * has a deadline shorter than the interval, and the client moves to another server at once when one does not answer.
 */
import { resources, type Lease, type Node } from '@timonier/api';
import { isAlreadyExists, isNotFound, pause, type ApiClient } from '@timonier/client';

export interface LeaseOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly node: () => Node | undefined;
  readonly intervalMs: number;
  readonly durationSeconds: number;
  readonly onRenewal: (ok: boolean, error?: unknown) => void;
  readonly signal: AbortSignal;
}

const namespace = 'kube-node-lease';
const retryMs = 250;

/** Runs until the signal. */
export async function keepLease(options: LeaseOptions): Promise<void> {
  const { signal, intervalMs } = options;
  while (!signal.aborted) {
    const started = performance.now();
    let wait = retryMs;
    try {
      await renew(options);
      options.onRenewal(true);
      wait = Math.max(0, intervalMs - (performance.now() - started));
    } catch (error) {
      if (!signal.aborted) options.onRenewal(false, error);
    }
    await pause(wait, signal).catch(() => undefined);
  }
}

async function renew({
  client,
  nodeName,
  node,
  durationSeconds,
  intervalMs,
  signal,
}: LeaseOptions): Promise<void> {
  // Nanoseconds of this field are microseconds on the wire.
  const renewTime = new Date().toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: durationSeconds, renewTime };
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(intervalMs)]);
  try {
    await client.patch(
      resources.leases,
      { namespace, name: nodeName },
      'merge',
      { spec },
      { signal: deadline },
    );
    return;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const owner = node();
  const lease: Lease = {
    metadata: {
      name: nodeName,
      namespace,
      ...(owner?.metadata?.uid === undefined
        ? {}
        : {
            ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: owner.metadata.uid }],
          }),
    },
    spec,
  };
  await client.create(resources.leases, lease, { signal: deadline }).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
