/** The stage that lets a request in or refuses it in upstream's words; who may do what is the authorizer's to say. */
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { Attributes, Decision } from '../authorization/decision.ts';
import type { User } from './authenticate.ts';

/** The identities whose every write carries the office under which it was decided. */
const fencedUsers: ReadonlySet<string> = new Set([
  'system:kube-scheduler',
  'system:kube-controller-manager',
  'system:cloud-controller-manager',
]);

export function isFenced(user: User): boolean {
  return fencedUsers.has(user.name);
}

/** Throws 403 when the user may not; what the decision was is told first, when somebody wants to know. */
export async function authorize(
  authorizer: Authorizer,
  user: User,
  info: Attributes,
  told: (decision: Decision) => void = () => undefined,
): Promise<void> {
  const answer = authorizer.decide(user, info);
  const decision = answer instanceof Promise ? await answer : answer;
  told(decision);
  if (decision.verdict === 'allow') return;
  const type = { group: info.group ?? '', resource: info.resource ?? '' };
  throw new StatusError(forbidden(type, info.name, explain(user, info, decision.reason)));
}

/** A refusal in upstream's words. */
export function explain(user: User, info: Attributes, reason: string): string {
  const because = reason === '' ? '' : `: ${reason}`;
  if (info.resource === undefined)
    return `User "${user.name}" cannot ${info.verb} path "${info.path}"${because}`;
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  const scope = info.namespace === '' ? 'at the cluster scope' : `in the namespace "${info.namespace}"`;
  return `User "${user.name}" cannot ${info.verb} resource "${resource}" in API group "${info.group ?? ''}" ${scope}${because}`;
}
