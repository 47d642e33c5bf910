/** What the server itself says of a pod. Pure. */
import type { Pod } from '@timonier/api';

type Conditions = NonNullable<NonNullable<Pod['status']>['conditions']>;
type Condition = Conditions[number];

/** With the condition in the place of an older one of its type; one that only goes on keeps the time it began. */
export function withCondition(
  conditions: Conditions,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): Conditions {
  const before = conditions.find(({ type }) => type === condition.type);
  const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
  const next: Condition = { ...condition, lastTransitionTime: since ?? now };
  return before === undefined
    ? [...conditions, next]
    : conditions.map((one) => (one === before ? next : one));
}
