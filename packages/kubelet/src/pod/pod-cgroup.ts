/** The cgroup of a pod: the runtime makes it with the first container, the kubelet removes it with the pod. */
import type { Pod } from '@timonier/api';
import { cgroupLayout, removeCgroup } from '@timonier/linux/cgroup';
import { podCgroup } from './sandbox-config.ts';

/** Removes the empty cgroup of a pod that has ended; one that is still in use stays. */
export function removePodCgroup(pod: Pod, parent: string): void {
  try {
    removeCgroup(cgroupLayout(), podCgroup(pod, parent));
  } catch {
    // Its processes are still ending; an empty folder is all that would stay behind.
  }
}
