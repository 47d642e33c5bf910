/** The Pod Security Standards: a pod and a policy in, what it violates out. Pure. */
import type { ObjectMeta, PodSpec } from '@timonier/api';
import { baselineChecks } from './baseline.ts';
import type { Policy } from './policy.ts';
import { restrictedChecks } from './restricted.ts';
import { type Check, type Finding, subjectOf } from './subject.ts';

/** The check as it was at a version; undefined before there was any. */
function formAt({ forms }: Check, minor: number): Check['forms'][number]['check'] | undefined {
  return forms.findLast(({ since }) => since <= minor)?.check;
}

/** Everything about a pod that a policy forbids. */
export function violations(
  { level, minor }: Policy,
  metadata: ObjectMeta,
  spec: PodSpec,
): readonly Finding[] {
  if (level === 'privileged') return [];
  const restricted = level === 'restricted' ? restrictedChecks : [];
  const inForce = [...baselineChecks, ...restricted].filter((one) => formAt(one, minor) !== undefined);
  const overridden = new Set(inForce.map(({ overrides }) => overrides));
  const subject = subjectOf(metadata, spec);
  return inForce.flatMap((one) => (overridden.has(one.id) ? [] : (formAt(one, minor)?.(subject) ?? [])));
}
