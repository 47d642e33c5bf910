/**
 * The priority levels and flow schemas that every cluster has, as upstream 1.36 makes them: two of each that must be as
 * they are here, and suggested ones that an administrator may change.
 */
import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '@timonier/api';
import {
  catchAllName,
  everyRule,
  exemptName,
  mandatoryLevelSpecs,
  mandatorySchemaSpecs,
} from '@timonier/api/flow-control';

export { catchAllName, exemptName };
export const autoupdateAnnotation = 'apf.kubernetes.io/autoupdate-spec';

type Subject = PolicyRulesWithSubjects['subjects'][number];
type Rules = Omit<PolicyRulesWithSubjects, 'subjects'>;

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
const everyone = [group('system:unauthenticated'), group('system:authenticated')];
const accountsOfSystem: Subject = {
  kind: 'ServiceAccount',
  serviceAccount: { name: '*', namespace: 'kube-system' },
};
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };

export const mandatoryLevels: readonly PriorityLevelConfiguration[] = [...mandatoryLevelSpecs].map(
  ([name, spec]) => ({ ...named('PriorityLevelConfiguration', name), spec }),
);

export const suggestedLevels: readonly PriorityLevelConfiguration[] = [
  limited('system', 30, 33, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  limited('node-high', 40, 25, { queues: 64, handSize: 6, queueLengthLimit: 50 }),
  limited('leader-election', 10, 0, { queues: 16, handSize: 4, queueLengthLimit: 50 }),
  limited('workload-high', 40, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  limited('workload-low', 100, 90, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
  limited('global-default', 20, 50, { queues: 128, handSize: 6, queueLengthLimit: 50 }),
];

export const mandatorySchemas: readonly FlowSchema[] = [...mandatorySchemaSpecs].map(([name, spec]) => ({
  ...named('FlowSchema', name),
  spec,
}));

export const suggestedSchemas: readonly FlowSchema[] = [
  schema('system-nodes', 'system', 500, 'ByUser', [group('system:nodes')]),
  schema('system-node-high', 'node-high', 400, 'ByUser', [group('system:nodes')], {
    resourceRules: [
      {
        verbs: ['*'],
        apiGroups: [''],
        resources: ['nodes', 'nodes/status'],
        clusterScope: true,
        namespaces: ['*'],
      },
      { verbs: ['*'], ...leases },
    ],
  }),
  schema('probes', exemptName, 2, undefined, everyone, {
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema(
    'system-leader-election',
    'leader-election',
    100,
    'ByUser',
    [user('system:kube-controller-manager'), user('system:kube-scheduler'), accountsOfSystem],
    { resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }] },
  ),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', [
    user('system:kube-controller-manager'),
  ]),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', [user('system:kube-scheduler')]),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', [accountsOfSystem]),
  schema('service-accounts', 'workload-low', 9_000, 'ByUser', [group('system:serviceaccounts')]),
  schema('global-default', 'global-default', 9_900, 'ByUser', everyone),
];

function named(kind: string, name: string) {
  return { apiVersion, kind, metadata: { name, annotations: { [autoupdateAnnotation]: 'true' } } };
}

function limited(
  name: string,
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queuing: QueuingConfiguration,
): PriorityLevelConfiguration {
  const limitResponse = { type: 'Queue', queuing };
  return {
    ...named('PriorityLevelConfiguration', name),
    spec: { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse } },
  };
}

function schema(
  name: string,
  level: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  subjects: Subject[],
  rules: Rules = everyRule,
): FlowSchema {
  return {
    ...named('FlowSchema', name),
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence,
      ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
      rules: [{ subjects, ...rules }],
    },
  };
}

function group(name: string): Subject {
  return { kind: 'Group', group: { name } };
}

function user(name: string): Subject {
  return { kind: 'User', user: { name } };
}
