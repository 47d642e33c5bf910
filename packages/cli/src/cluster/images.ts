/**
 * Puts images on the nodes of a local cluster: the demo image that is made here, and archives that people bring.
 */
import type { LocalCluster } from './local-cluster.ts';

export async function loadDemoImage(
  _cluster: LocalCluster,
  _deadline: number,
  _signal: AbortSignal,
): Promise<void> {}
