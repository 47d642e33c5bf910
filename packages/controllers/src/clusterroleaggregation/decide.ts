/** The rules of a ClusterRole that is made of others: those of all roles that it selects, each once. Pure. */
import { type ClusterRole, type PolicyRule, selectorMatches } from '@timonier/api';
import { canonicalJson } from '../equality.ts';

/** Undefined for a role that has rules of its own. */
export function aggregatedRules(role: ClusterRole, roles: readonly ClusterRole[]): PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const others = roles
    .filter(({ metadata }) => metadata?.name !== role.metadata?.name)
    .toSorted((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const selector of role.aggregationRule.clusterRoleSelectors ?? [])
    for (const { metadata, rules: more = [] } of others) {
      if (!selectorMatches(selector, metadata?.labels)) continue;
      for (const rule of more) {
        const key = canonicalJson(rule);
        if (!rules.has(key)) rules.set(key, rule);
      }
    }
  return [...rules.values()];
}
