/** Which pods a controller counts as its own: those that match its selector and have no other controller. Pure. */
import { type LabelSelector, type Pod, selectorMatches } from '@timonier/api';
import { controllerOf } from './owner.ts';

export interface Claim {
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  /** Those that stay, adopted ones among them. */
  readonly own: readonly Pod[];
}

export interface Claimant {
  readonly metadata?: { readonly uid?: string; readonly deletionTimestamp?: string };
  readonly spec?: { readonly selector?: LabelSelector };
}

/** A claimant that is being deleted keeps what it has, and neither adopts nor releases. */
export function claimPods({ metadata, spec }: Claimant, pods: readonly Pod[]): Claim {
  const deleting = metadata?.deletionTimestamp !== undefined;
  const adopt: Pod[] = [];
  const release: Pod[] = [];
  const own: Pod[] = [];
  for (const pod of pods) {
    const matches = selectorMatches(spec?.selector, pod.metadata?.labels);
    const owner = controllerOf(pod);
    if (owner?.uid === metadata?.uid) (matches || deleting ? own : release).push(pod);
    else if (owner === undefined && matches && !deleting && pod.metadata?.deletionTimestamp === undefined) {
      adopt.push(pod);
      own.push(pod);
    }
  }
  return { adopt, release, own };
}
