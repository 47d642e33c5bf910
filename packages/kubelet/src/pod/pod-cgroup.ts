/** The cgroup of a pod: the runtime makes it with the first container, the kubelet removes it with the pod. */
import { cgroupLayout, removeCgroup } from '@timonier/linux/cgroup';
import { cgroupOf } from './sandbox-config.ts';

/** Removes the empty cgroup of a pod that has ended, whichever class the pod had; one that is still in use stays. */
export function removePodCgroups(uid: string, parent: string): void {
  for (const qos of ['Guaranteed', 'Burstable', 'BestEffort'] as const) {
    try {
      removeCgroup(cgroupLayout(), cgroupOf(uid, qos, parent));
    } catch {
      // Its processes are still ending; an empty folder is all that would stay behind.
    }
  }
}
