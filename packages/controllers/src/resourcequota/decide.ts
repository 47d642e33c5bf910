/** What the status of a quota has to say, from what was counted. Pure. */
import type { ResourceQuota, ResourceQuotaStatus } from '@timonier/api';
import { type Amounts, isSame, only } from '@timonier/api/quota/amounts';
import { compareQuantities } from '@timonier/api/quantity';

export interface QuotaDecision {
  /** Undefined when what is written holds. */
  readonly status: ResourceQuotaStatus | undefined;
  /**
   * Names whose usage goes down, or was not known. A cache that lags behind the quota must not decide that: it would let
   * in what was already charged.
   */
  readonly lowered: readonly string[];
}

/** `counted` has the names that some served kind measures; what nothing measures keeps what it has. */
export function decide({ spec, status }: Readonly<ResourceQuota>, counted: Amounts): QuotaDecision {
  const hard = spec?.hard ?? {};
  const known = status?.used ?? {};
  const used = only({ ...known, ...counted }, Object.keys(hard));
  const lowered = Object.keys(counted).filter(
    (name) => known[name] === undefined || compareQuantities(counted[name], known[name]) < 0,
  );
  const holds = status?.hard !== undefined && isSame(hard, status.hard) && isSame(used, known);
  return { status: holds ? undefined : { hard, used }, lowered };
}
