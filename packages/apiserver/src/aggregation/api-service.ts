/** APIServices: which server answers for a group and version. Their names, conditions, and small questions about them. */
import type { APIService } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';

export const apiServiceGroup = 'apiregistration.k8s.io';
/** Where APIServices lie in the store, below the root. */
export const apiServicePrefix = 'apiregistration.k8s.io/apiservices';
/** Marks those that this server made itself; `true` for those of custom resources, which go with them. */
export const automanagedLabel = 'kube-aggregator.kubernetes.io/automanaged';

export type Service = APIService;

export interface Verdict {
  readonly available: boolean;
  readonly reason: string;
  readonly message: string;
}

export const passed: Verdict = { available: true, reason: 'Passed', message: 'all checks passed' };
export const local: Verdict = {
  available: true,
  reason: 'Local',
  message: 'Local APIServices are always available',
};

export function asApiService(object: ApiObject): Service {
  return object;
}

/** The name that an APIService must have. */
export function apiServiceName({ group, version }: { group: string; version: string }): string {
  return `${version}.${group}`;
}

/** The status with the condition that says whether the server answers; the same one when nothing changed. */
export function statusWith(
  status: Service['status'],
  verdict: Verdict,
  now: string,
): NonNullable<Service['status']> {
  const conditions = status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === 'Available');
  const value = verdict.available ? 'True' : 'False';
  if (before?.status === value && before.reason === verdict.reason && before.message === verdict.message)
    return status ?? {};
  const next = {
    type: 'Available',
    status: value,
    lastTransitionTime: before?.status === value ? (before.lastTransitionTime ?? now) : now,
    reason: verdict.reason,
    message: verdict.message,
  };
  return { ...status, conditions: [...conditions.filter((condition) => condition !== before), next] };
}
