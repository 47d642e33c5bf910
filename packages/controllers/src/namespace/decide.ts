/** What a namespace needs next. Pure. */
import type { Namespace } from '@timonier/api';

/** `nothing` while it lives or when others hold it, `wait` while content remains, `finalize` when it is empty. */
export function decide(namespace: Namespace, remaining: number): 'nothing' | 'wait' | 'finalize' {
  const ours = namespace.spec?.finalizers?.includes('kubernetes') === true;
  if (namespace.metadata?.deletionTimestamp === undefined || !ours) return 'nothing';
  return remaining > 0 ? 'wait' : 'finalize';
}
