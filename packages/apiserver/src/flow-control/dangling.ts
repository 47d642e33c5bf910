/**
 * Says in the status of each flow schema whether its priority level exists: condition `Dangling`, as upstream. The
 * decision is pure; the active server writes it, and maintains the mandatory objects on the same occasion.
 */
import type { FlowSchema } from '@timonier/api';
import { timestamp } from '../timestamp.ts';

type Condition = NonNullable<NonNullable<FlowSchema['status']>['conditions']>[number];

/** The schema with a true condition; undefined when it has that already. */
export function withDangling(schema: FlowSchema, isDangling: boolean, now: number): FlowSchema | undefined {
  const level = schema.spec?.priorityLevelConfiguration.name ?? '';
  const condition: Condition = isDangling
    ? {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message: `This FlowSchema references the PriorityLevelConfiguration object named "${level}" but there is no such object`,
      }
    : {
        type: 'Dangling',
        status: 'False',
        reason: 'Found',
        message: `This FlowSchema references the PriorityLevelConfiguration object named "${level}" and it exists`,
      };
  const conditions = schema.status?.conditions ?? [];
  const known: Condition = conditions.find(({ type }) => type === 'Dangling') ?? {};
  const isSame = (['status', 'reason', 'message'] as const).every((name) => known[name] === condition[name]);
  if (isSame) return undefined;
  const lastTransitionTime =
    known.status === condition.status ? (known.lastTransitionTime ?? timestamp(now)) : timestamp(now);
  return {
    ...schema,
    status: {
      ...schema.status,
      conditions: [
        ...conditions.filter(({ type }) => type !== 'Dangling'),
        { ...condition, lastTransitionTime },
      ],
    },
  };
}
