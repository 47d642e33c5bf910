/** A mirror of a static pod is what its node says it is: no plugin completes it. */
import type { Pod } from '@timonier/api';
import type { AdmissionRequest } from './request.ts';

const mirror = 'kubernetes.io/config.mirror';

export function isMirrorPod({ object }: AdmissionRequest): boolean {
  return (object as Pod | undefined)?.metadata?.annotations?.[mirror] !== undefined;
}
