/** What a Job's pod failure policy says about a pod that failed: the first rule that fits. Pure. */
import type { ContainerStatus, Job, Pod, PodFailurePolicyRule } from '@timonier/api';

export interface FailureVerdict {
  readonly action: 'Ignore' | 'Count' | 'FailIndex' | 'FailJob';
  /** Why the whole Job fails, when it does. */
  readonly message?: string;
}

/** `Count` when there is no policy, or none of its rules fits. */
export function judgeFailure({ spec }: Job, pod: Pod): FailureVerdict {
  const { namespace = '', name = '' } = pod.metadata ?? {};
  for (const [i, rule] of (spec?.podFailurePolicy?.rules ?? []).entries()) {
    const { action } = rule as { action: FailureVerdict['action'] };
    const end = `matching ${action} rule at index ${i}`;
    const container = matchingContainer(pod, rule);
    const condition = matchingCondition(pod, rule);
    if (container === undefined && condition === undefined) continue;
    const exitCode = container?.state?.terminated?.exitCode ?? 0;
    const message =
      container === undefined
        ? `Pod ${namespace}/${name} has condition ${condition ?? ''} ${end}`
        : `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${exitCode} ${end}`;
    return action === 'FailJob' ? { action, message } : { action };
  }
  return { action: 'Count' };
}

function matchingContainer(
  { status }: Pod,
  { onExitCodes }: PodFailurePolicyRule,
): ContainerStatus | undefined {
  if (onExitCodes === undefined) return undefined;
  const { containerName, operator, values } = onExitCodes;
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
    ({ name, state }) => {
      const code = state?.terminated?.exitCode ?? 0;
      if (code === 0 || (containerName !== undefined && containerName !== name)) return false;
      return values.includes(code) === (operator === 'In');
    },
  );
}

function matchingCondition({ status }: Pod, { onPodConditions }: PodFailurePolicyRule): string | undefined {
  return status?.conditions?.find((condition) =>
    onPodConditions?.some(
      (pattern) => pattern.type === condition.type && (pattern.status ?? 'True') === condition.status,
    ),
  )?.type;
}
