/** What one process has itself seen of a node in this term, by its own monotonic clock. */
import type { Lease, Node, Taint } from '@timonier/api';

export interface Observation {
  /** What was last seen of the node's own doing: its lease's renewal and its status's heartbeat. */
  signs: string;
  /** When `signs` last changed. */
  at: number;
  /** Silent for the grace period, and the API server said so too. */
  lost: boolean;
  /** Since when each NoExecute taint has been seen, by key. */
  readonly taintedAt: Map<string, number>;
}

export type Observations = Map<string, Observation>;

/** Only what the kubelet itself writes counts: our own changes of conditions must not look like a sign of life. */
export function signsOf(node: Node, lease: Lease | undefined): string {
  const heartbeats = (node.status?.conditions ?? []).map(({ lastHeartbeatTime }) => lastHeartbeatTime ?? '');
  return [node.metadata?.uid, renewalOf(lease), ...heartbeats].join(' ');
}

export function renewalOf(lease: Lease | undefined): string {
  return `${lease?.spec?.renewTime ?? ''} ${lease?.spec?.holderIdentity ?? ''}`;
}

export function observe(observations: Observations, name: string, signs: string, at: number): Observation {
  const known = observations.get(name);
  if (known === undefined) {
    const fresh = { signs, at, lost: false, taintedAt: new Map<string, number>() };
    observations.set(name, fresh);
    return fresh;
  }
  if (known.signs !== signs) {
    known.signs = signs;
    known.at = at;
    known.lost = false;
  }
  return known;
}

/** Every node gets its whole grace period again. */
export function grantGrace(observations: Observations, at: number): void {
  for (const observation of observations.values()) {
    observation.at = at;
    observation.lost = false;
  }
}

export function noteTaints({ taintedAt }: Observation, taints: readonly Taint[], at: number): void {
  const present = new Set(taints.filter(({ effect }) => effect === 'NoExecute').map(({ key }) => key));
  for (const key of taintedAt.keys()) if (!present.has(key)) taintedAt.delete(key);
  for (const key of present) if (!taintedAt.has(key)) taintedAt.set(key, at);
}

/** Earliest time at which a NoExecute taint that is still there was seen. */
export function taintedSince({ taintedAt }: Observation, now: number): number {
  return Math.min(now, ...taintedAt.values());
}
