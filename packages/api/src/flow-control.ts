/**
 * What the API server's fair queueing fixes for every cluster: the priority levels and flow schemas that must be as they
 * are here, and how many bits of a hash dealing a hand of queues may use up.
 */
import type {
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
} from './generated/types.ts';

export const exemptName = 'exempt';
export const catchAllName = 'catch-all';

/** More would leave flows with the same hand where their hashes differ. */
export const maxEntropyBits = 60;

/** Bits that dealing `hand` cards of a deck of `deck` uses up. */
export function entropyBits(deck: number, hand: number): number {
  return Math.ceil(hand * Math.log2(deck));
}

/** Rules that every request matches. */
export const everyRule: Omit<PolicyRulesWithSubjects, 'subjects'> = {
  resourceRules: [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
  ],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

/** By name. An administrator may change the `exempt` part of the first. */
export const mandatoryLevelSpecs: ReadonlyMap<string, PriorityLevelConfigurationSpec> = new Map([
  [exemptName, { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }],
  [
    catchAllName,
    {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    },
  ],
]);

/** By name. */
export const mandatorySchemaSpecs: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  [
    exemptName,
    {
      priorityLevelConfiguration: { name: exemptName },
      matchingPrecedence: 1,
      rules: [{ subjects: [{ kind: 'Group', group: { name: 'system:masters' } }], ...everyRule }],
    },
  ],
  [
    catchAllName,
    {
      priorityLevelConfiguration: { name: catchAllName },
      matchingPrecedence: 10_000,
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [
            { kind: 'Group', group: { name: 'system:unauthenticated' } },
            { kind: 'Group', group: { name: 'system:authenticated' } },
          ],
          ...everyRule,
        },
      ],
    },
  ],
]);
