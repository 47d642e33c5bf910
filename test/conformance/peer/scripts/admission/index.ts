/** Whoever looks at requests after they were understood: standards of pods, bounds, quotas, policies and webhooks. */
import type { Comparison } from '../../comparison.ts';
import { boundScript } from './bounds.ts';
import { mutatingPolicyScript } from './mutating-policies.ts';
import { podSecurityScript } from './pod-security.ts';
import { policyScript } from './policies.ts';
import { quotaScript } from './quotas.ts';
import { webhookScript } from './webhooks.ts';

export async function admission(comparison: Comparison): Promise<void> {
  await comparison.section('admission pod security', () => podSecurityScript(comparison));
  await comparison.section('admission bounds', () => boundScript(comparison));
  await comparison.section('admission quotas', () => quotaScript(comparison));
  await comparison.section('admission policies', () => policyScript(comparison));
  await comparison.section('admission mutating policies', () => mutatingPolicyScript(comparison));
  await comparison.section('admission webhooks', () => webhookScript(comparison));
}
