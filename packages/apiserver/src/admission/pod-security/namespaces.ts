/**
 * Namespaces that ask for a standard: labels that say none are refused, and who asks for a stricter one is told which pods
 * there would not keep it.
 */
import type { Namespace, Pod } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus } from '@timonier/api/validation';
import { cachedObjects } from '../cached.ts';
import type { AdmissionRequest } from '../request.ts';
import { labelErrors, levels, type Policy, policyOf } from './policy.ts';
import type { PodSecuritySettings } from './settings.ts';
import { violations } from './standards.ts';

/** Pods that are looked at when a namespace changes, as upstream; a person waits for the answer. */
const maxPods = 3_000;

/** Throws 422. */
export function checkNamespace(
  { context, object, old, operation }: AdmissionRequest,
  { defaults, exempt }: PodSecuritySettings,
): void {
  const labels = (object as Namespace).metadata?.labels ?? {};
  const before = (old as Namespace | undefined)?.metadata?.labels ?? {};
  const name = context.target.name || ((object as Namespace).metadata?.name ?? '');
  const errors = labelErrors(labels);
  // What was wrong already does not stand in the way of other changes.
  if (errors.length > 0 && (operation === 'CREATE' || labelErrors(before).length === 0))
    throw new StatusError(invalidStatus(context.target.info, name, errors));
  if (operation === 'CREATE') return;
  if (exempt.namespaces.has(name) || exempt.usernames.has(context.user.name)) return;
  const wanted = policyOf(labels, 'enforce', defaults);
  const had = policyOf(before, 'enforce', defaults);
  if (wanted.level === 'privileged' || wanted.name === had.name) return;
  const isLooser = wanted.minor === had.minor && levels.indexOf(wanted.level) <= levels.indexOf(had.level);
  if (isLooser) return;
  const pods = cachedObjects<Pod>(context.server, 'pods', name).filter(
    ({ spec }) => !exempt.runtimeClasses.has(spec?.runtimeClassName ?? ''),
  );
  for (const text of warnings(name, wanted, pods)) context.warn?.(text);
}

/** Pods by what they violate: one of each by name, and how many more there are. */
function warnings(namespace: string, policy: Policy, pods: readonly Pod[]): readonly string[] {
  const found = new Map<string, { readonly name: string; count: number }>();
  for (const { metadata = {}, spec } of pods.slice(0, maxPods)) {
    if (spec === undefined) continue;
    const reasons = violations(policy, metadata, spec).map(({ reason }) => reason);
    if (reasons.length === 0) continue;
    const text = reasons.join(', ');
    const known = found.get(text);
    if (known === undefined) found.set(text, { name: metadata.name ?? '', count: 1 });
    else known.count++;
  }
  if (found.size === 0) return [];
  const lines = [...found].map(([text, { name, count }]) => {
    const others = count === 1 ? '' : ` (and ${count - 1} other pod${count === 2 ? '' : 's'})`;
    return `${name}${others}: ${text}`;
  });
  const bound =
    pods.length > maxPods
      ? [
          `new PodSecurity enforce level only checked against the first ${maxPods} of ${pods.length} existing pods`,
        ]
      : [];
  return [
    ...bound,
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${policy.name}"`,
    ...lines.sort(),
  ];
}
