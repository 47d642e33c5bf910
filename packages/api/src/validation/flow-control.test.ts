import { everyRule, mandatoryLevelSpecs, mandatorySchemaSpecs } from '../flow-control.ts';
import { checkRows } from '../testing/rule-rows.ts';

const schemas = 'flowcontrol.apiserver.k8s.io/v1/flowschemas';
const levels = 'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations';
const named = (name: string, spec: object | undefined): object => ({ metadata: { name }, spec });
const level = { priorityLevelConfiguration: { name: 'catch-all' } };
const queued = (queuing: object): object => ({
  spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing } } },
});
const group = { kind: 'Group', group: { name: 'g' } };
const matching = (rule: object): object => ({ spec: { ...level, rules: [{ subjects: [group], ...rule }] } });

checkRows('flow schemas', [
  {
    of: schemas,
    value: {
      spec: {
        matchingPrecedence: 10_001,
        priorityLevelConfiguration: { name: 'No' },
        distinguisherMethod: { type: 'ByMood' },
        rules: [{ subjects: [] }],
      },
    },
    says: [
      'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
      'spec.distinguisherMethod.type: Unsupported value: {"type":"ByMood"}: supported values: "ByNamespace", "ByUser"',
      `spec.priorityLevelConfiguration.name: Invalid value: "No": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  },
  {
    of: schemas,
    value: {
      spec: {
        ...level,
        rules: [
          {
            subjects: [
              { kind: 'ServiceAccount', user: { name: 'u' } },
              { kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: '' } },
              { kind: 'User', user: { name: '' }, group: { name: 'g' } },
              { kind: 'Robot' },
            ],
            ...everyRule,
          },
        ],
      },
    },
    says: [
      "spec.rules[0].subjects[0].serviceAccount: Required value: serviceAccount is required when subject kind is 'ServiceAccount'",
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      'spec.rules[0].subjects[1].serviceAccount.namespace: Required value: must specify namespace for service account',
      'spec.rules[0].subjects[2].user.name: Required value',
      "spec.rules[0].subjects[2].group: Forbidden: group is forbidden when subject kind is not 'Group'",
      'spec.rules[0].subjects[3].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
    ],
  },
  {
    of: schemas,
    value: matching({
      resourceRules: [
        { verbs: ['get', '*'], apiGroups: ['*', 'apps'], resources: [], namespaces: [] },
        { verbs: ['look'], apiGroups: [''], resources: ['pods'], namespaces: ['*', 'a'] },
      ],
    }),
    says: [
      `spec.rules[0].resourceRules[0].verbs: Invalid value: ["get","*"]: if '*' is present, must not specify other verbs`,
      `spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","apps"]: if '*' is present, must not specify other api groups`,
      'spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource',
      'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
      'spec.rules[0].resourceRules[1].verbs: Unsupported value: ["look"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      `spec.rules[0].resourceRules[1].namespaces: Invalid value: ["*","a"]: if '*' is present, must not specify other namespaces`,
    ],
  },
  {
    of: schemas,
    value: matching({
      nonResourceRules: [
        { verbs: ['*'], nonResourceURLs: ['', '/', 'a', '/a b', '//', '/a*', '/*/a', '/a/*'] },
      ],
    }),
    says: [
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "a": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a b": must not contain white-space',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "//": must not contain double slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/a*": wildcard can only do suffix matching',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[6]: Invalid value: "/*/a": wildcard can only do suffix matching',
    ],
  },
  { of: schemas, value: named('exempt', mandatorySchemaSpecs.get('exempt')), says: [] },
  {
    of: schemas,
    value: named('catch-all', { ...level, matchingPrecedence: 10_000 }),
    says: [
      `spec: Invalid value: {"priorityLevelConfiguration":{"name":"catch-all"},"matchingPrecedence":10000}: spec of 'catch-all' must equal the fixed value`,
    ],
  },
  {
    of: schemas,
    part: 'status',
    value: {
      spec: level,
      status: { conditions: [{ type: 'Dangling' }, { type: 'Dangling' }, { type: '' }] },
    },
    old: { spec: level },
    says: [
      'status.conditions[1].type: Duplicate value: "Dangling"',
      'status.conditions[2].type: Required value: must not be empty',
    ],
  },
]);

checkRows('priority levels', [
  { of: levels, value: named('catch-all', mandatoryLevelSpecs.get('catch-all')), says: [] },
  {
    of: levels,
    value: named('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 7, lendablePercent: 50 } }),
    says: [],
  },
  {
    of: levels,
    value: named('exempt', {
      type: 'Exempt',
      exempt: { nominalConcurrencyShares: -1, lendablePercent: 101 },
    }),
    says: [
      'spec.exempt.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
      'spec.exempt.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    ],
  },
  {
    of: levels,
    value: named('exempt', { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } }),
    says: [
      `spec.type: Invalid value: "Limited": type must be 'Exempt' if and only if name is 'exempt'`,
      `spec: Invalid value: {"type":"Limited","limited":{"limitResponse":{"type":"Reject"},"nominalConcurrencyShares":30,"lendablePercent":0}}: spec of 'exempt' except the 'spec.exempt' field must equal the fixed value`,
    ],
  },
  {
    of: levels,
    value: {
      spec: {
        type: 'Limited',
        exempt: {},
        limited: {
          nominalConcurrencyShares: -1,
          lendablePercent: -1,
          borrowingLimitPercent: -1,
          limitResponse: { type: 'Reject', queuing: {} },
        },
      },
    },
    says: [
      'spec.exempt: Forbidden: must be nil if the type is Limited',
      'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
      'spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited',
      'spec.limited.lendablePercent: Invalid value: -1: must be between 0 and 100, inclusive',
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ],
  },
  {
    of: levels,
    value: queued({ queues: 512, handSize: 8, queueLengthLimit: -1 }),
    says: [
      'spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive',
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60',
    ],
  },
  {
    of: levels,
    value: queued({ queues: 2_147_483_647, handSize: 3 }),
    says: [
      'spec.limited.limitResponse.queuing.queues: Invalid value: 2147483647: must not be greater than 10000000',
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 3: required entropy bits of deckSize 2147483647 and handSize 3 should not be greater than 60',
    ],
  },
  {
    of: levels,
    value: queued({ queues: 7 }),
    says: [
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (7)',
    ],
  },
  { of: levels, value: queued({ queues: 10_000_000, handSize: 2 }), says: [] },
]);
