/**
 * AppArmor profiles that somebody still names by annotations of a pod: its containers get them as fields, which is what
 * everybody reads, and the user is told.
 */
import type { AppArmorProfile, Container, EphemeralContainer, Pod } from '@timonier/api';
import { APP_ARMOR } from '@timonier/api/validation/pod-annotations';
import { sameTree } from '../storage/copy.ts';

const localhost = 'localhost/';

/** Changes a new pod in place. */
export function takeProfiles({ metadata, spec }: Pod, warn: ((text: string) => void) | undefined): void {
  const annotations = metadata?.annotations;
  if (annotations === undefined || spec === undefined || spec.os?.name === 'windows') return;
  const containers: readonly (Container | EphemeralContainer)[] = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) {
    const key = APP_ARMOR + container.name;
    const annotation = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue;
    const profile = profileOf(annotation);
    // What holds for the whole pod anyway need not be said again.
    if (profile !== undefined && sameTree(profile, spec.securityContext?.appArmorProfile)) continue;
    warn?.(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
    if (profile !== undefined)
      container.securityContext = { ...container.securityContext, appArmorProfile: profile };
  }
}

/** Undefined for what is no profile, which validation says. */
function profileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  if (!annotation.startsWith(localhost) || annotation === localhost) return undefined;
  return { type: 'Localhost', localhostProfile: annotation.slice(localhost.length) };
}
