/** What may change of a running pod through `ephemeralcontainers`: containers are added, and stay. */
import type { Pod } from '../generated/types.ts';
import { same } from './checks.ts';
import { forbidden, WHOLE, type FieldError } from './field-error.ts';

/** Mirrors of pods that a kubelet has from a file, where alone they can be changed. */
export function isMirror({ metadata }: Pod): boolean {
  return metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): FieldError[] {
  if (isMirror(old)) return [forbidden(WHOLE, 'static pods do not support ephemeral containers')];
  const path = 'spec.ephemeralContainers';
  // Of two of one name the first counts.
  const byName = new Map((pod.spec?.ephemeralContainers ?? []).toReversed().map((one) => [one.name, one]));
  return (old.spec?.ephemeralContainers ?? []).flatMap((before) => {
    const now = byName.get(before.name);
    const named = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (now === undefined) return [forbidden(path, `${named} removed\n`)];
    return same(now, before) ? [] : [forbidden(path, `${named} changed`)];
  });
}
