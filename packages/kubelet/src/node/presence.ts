/** How a node shows itself to the cluster: its object, which says what it is and how it is, and the lease that says it lives. */
import type { KubeletMetrics } from '../metrics.ts';
import { keepLease, type LeaseOptions } from './lease.ts';
import { NodeAgent, type NodeAgentOptions } from './node-agent.ts';

export interface PresenceOptions {
  readonly agent: Omit<NodeAgentOptions, 'onError' | 'onReady'>;
  readonly lease: Pick<LeaseOptions, 'client' | 'intervalMs' | 'durationSeconds'>;
  readonly metrics: Pick<KubeletMetrics, 'leaseRenewals'>;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** Goes on until the agent's signal fires. */
export function showNode({ agent: options, lease, metrics, log }: PresenceOptions): void {
  const agent = new NodeAgent({
    ...options,
    onError: (error) => log.warn({ err: error }, 'cannot report the node'),
    onReady: (ready, problem) => log.info({ ready, problem }, 'readiness of the node changed'),
  });
  void agent.run();
  let renewing = true;
  void keepLease({
    ...lease,
    nodeName: options.describe.name,
    node: () => agent.node,
    signal: options.signal,
    onRenewal: (ok, error) => {
      metrics.leaseRenewals.inc({ outcome: ok ? 'renewed' : 'failed' });
      if (ok !== renewing) log.warn({ ok, err: error }, 'renewal of the node lease changed');
      renewing = ok;
    },
  });
}
