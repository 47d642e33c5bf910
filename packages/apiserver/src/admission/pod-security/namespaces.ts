/**
 * Namespaces that ask for a standard: labels that say none are refused, and who asks for a stricter one is told which pods
 * there would not keep it.
 */
import type { Namespace, Pod } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus } from '@timonier/api/validation';
import { sameTree } from '../../storage/copy.ts';
import { cachedObjects } from '../cached.ts';
import type { AdmissionRequest } from '../request.ts';
import { labelErrors, labelPrefix, type Labels, levels, modes, type Policy, policyOf } from './policy.ts';
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
  // What was wrong in the same way already does not stand in the way of other changes.
  if (errors.length > 0 && (operation === 'CREATE' || !sameTree(errors, labelErrors(before))))
    throw new StatusError(invalidStatus(context.target.info, name, errors));
  const isExempt = exempt.namespaces.has(name);
  if (operation === 'CREATE') {
    if (isExempt) warnOfNothing(context, name, labels, defaults);
    return;
  }
  const wanted = policyOf(labels, 'enforce', defaults);
  const had = policyOf(before, 'enforce', defaults);
  if (wanted.level === 'privileged' || wanted.name === had.name) return;
  const isLooser = wanted.minor === had.minor && levels.indexOf(wanted.level) <= levels.indexOf(had.level);
  if (isLooser) return;
  if (isExempt) {
    warnOfNothing(context, name, labels, defaults);
    return;
  }
  const pods = cachedObjects<Pod>(context.server, 'pods', name);
  for (const text of warnings(name, wanted, pods, exempt.runtimeClasses)) context.warn?.(text);
}

/** Tells that nobody heeds what an exempt namespace asks for, if that is more than all ask for. */
function warnOfNothing(
  { warn }: AdmissionRequest['context'],
  name: string,
  labels: Labels,
  defaults: Labels,
): void {
  const isAsked = modes.some((mode) => {
    const [own, usual] = [policyOf(labels, mode, defaults), policyOf({}, mode, defaults)];
    return own.name !== usual.name && (own.level !== 'privileged' || usual.level !== 'privileged');
  });
  if (!isAsked || modes.every((mode) => policyOf(labels, mode, defaults).level === 'privileged')) return;
  const asked = modes
    .filter((mode) => [mode, `${mode}-version`].some((label) => labels[labelPrefix + label] !== undefined))
    .map((mode) => [mode, policyOf(labels, mode, defaults)] as const)
    .filter(([, { level }]) => level !== 'privileged')
    .map(([mode, policy]) => `${mode}=${policy.name}`);
  warn?.(
    `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${asked.join(', ')}) will be ignored`,
  );
}

/** Pods by what they violate: one of each by name, and how many more there are. */
function warnings(
  namespace: string,
  policy: Policy,
  pods: readonly Pod[],
  exemptClasses: ReadonlySet<string>,
): readonly string[] {
  const found = new Map<string, { readonly name: string; count: number }>();
  for (const { metadata = {}, spec } of pods.slice(0, maxPods)) {
    if (spec === undefined || exemptClasses.has(spec.runtimeClassName ?? '')) continue;
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
