/** The cgroup of a pod: the runtime makes it with the first container, the kubelet removes it with the pod. */
import { removeCgroup, type CgroupLayout } from '@timonier/linux/cgroup';
import { mountPoints } from '@timonier/linux/mount';
import { cgroupOf } from './sandbox-config.ts';

/**
 * Every mounted hierarchy. On hybrid machines runtimes make groups in the one without controllers too, which counts
 * for nothing else.
 */
export function everyHierarchy(): CgroupLayout {
  const targets = mountPoints()
    .filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
    .map(({ target }) => [target, target] as const);
  return { version: 1, mounts: new Map(targets) };
}

/** Removes the empty cgroup of a pod that has ended, whichever class the pod had; one that is still in use stays. */
export function removePodCgroups(uid: string, parent: string): void {
  const hierarchies = everyHierarchy();
  for (const qos of ['Guaranteed', 'Burstable', 'BestEffort'] as const) {
    try {
      removeCgroup(hierarchies, cgroupOf(uid, qos, parent));
    } catch {
      // Its processes are still ending; an empty folder is all that would stay behind.
    }
  }
}
