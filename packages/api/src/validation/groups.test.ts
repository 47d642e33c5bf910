/** What each rule says, on the examples with one thing made wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problems } from '../testing/problems.ts';

type Row = readonly [kind: string, patch: object, ...expected: string[]];

const container = (more: object): object => ({
  spec: { containers: [{ name: 'a', image: 'b', ...more }], initContainers: null, volumes: null },
});

const created: readonly Row[] = [
  [
    'v1 Pod',
    { spec: { restartPolicy: 'Sometimes' } },
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
  ],
  [
    'v1 Pod',
    { spec: { dnsPolicy: 'None' } },
    'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
  ],
  [
    'v1 Pod',
    container({ securityContext: { runAsUser: -1 } }),
    'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ],
  [
    'v1 Pod',
    container({ lifecycle: { preStop: {} } }),
    'spec.containers[0].lifecycle.preStop: Required value: must specify a handler type',
  ],
  [
    'v1 Pod',
    container({ envFrom: [{}] }),
    'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
  ],
  [
    'v1 Pod',
    { spec: { initContainers: [{ name: 'i', image: 'x', livenessProbe: { exec: { command: ['a'] } } }] } },
    'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  ],
  [
    'v1 Pod',
    {
      spec: {
        topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
      },
    },
    'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
  ],
  [
    'v1 Pod',
    {
      spec: {
        affinity: {
          podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: '' }] },
        },
      },
    },
    'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
    'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
    `spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ],
  [
    'v1 Pod',
    {
      spec: {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
        },
      },
    },
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
  ],
  [
    'v1 Pod',
    { spec: { ephemeralContainers: [{ name: 'd', image: 'x' }] } },
    'spec.ephemeralContainers: Forbidden: cannot be set on create',
  ],
  [
    'v1 ReplicationController',
    { spec: { selector: { app: 'other' } } },
    'spec.template.metadata.labels: Invalid value: {"app":"raft"}: `selector` does not match template `labels`',
  ],
  [
    'v1 Endpoints',
    { subsets: [{ addresses: [{ ip: '300.1.1.1' }] }] },
    'subsets[0].addresses[0].ip: Invalid value: "300.1.1.1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'subsets[0].addresses[0].ip: Invalid value: "300.1.1.1": must be a valid IP address',
  ],
  [
    'v1 ResourceQuota',
    { spec: { hard: { boats: '1' } } },
    'spec.hard[boats]: Invalid value: "boats": must be a standard resource type or fully qualified',
    'spec.hard[boats]: Invalid value: "boats": must be a standard resource for quota',
  ],
  [
    'v1 ResourceQuota',
    { spec: { hard: { pods: '-1' } } },
    'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    'v1 LimitRange',
    { spec: { limits: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }] } },
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
  ],
  ['v1 PersistentVolume', { spec: { hostPath: null } }, 'spec: Required value: must specify a volume type'],
  [
    'v1 PersistentVolume',
    { spec: { nfs: { server: 'a', path: '/' } } },
    'spec.nfs: Forbidden: may not specify more than 1 volume type',
  ],
  ['v1 PersistentVolume', { spec: { accessModes: [] } }, 'spec.accessModes: Required value'],
  ...['/', '//', '/./', `${'/'.repeat(999)}.`].map(
    (path) =>
      [
        'v1 PersistentVolume',
        { spec: { persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path } } },
        "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
      ] as const,
  ),
  ['v1 PersistentVolumeClaim', { spec: { resources: null } }, 'spec.resources[storage]: Required value'],
  [
    'v1 PersistentVolumeClaim',
    { spec: { accessModes: null } },
    'spec.accessModes: Required value: at least 1 access mode is required',
  ],
  [
    'v1 PersistentVolumeClaim',
    { spec: { accessModes: ['ReadWriteOncePod', 'ReadOnlyMany'] } },
    'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
  ],
  [
    'apps/v1 StatefulSet',
    { spec: { podManagementPolicy: 'Any' } },
    `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
  ],
  [
    'apps/v1 DaemonSet',
    { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } } },
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ],
  [
    'batch/v1 Job',
    { spec: { template: { spec: { restartPolicy: 'Always' } } } },
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  [
    'batch/v1 Job',
    { spec: { completionMode: 'Indexed', completions: null } },
    'spec.completions: Required value: when completion mode is Indexed',
  ],
  [
    'batch/v1 Job',
    { spec: { parallelism: -1 } },
    'spec.parallelism: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'batch/v1 CronJob',
    { spec: { schedule: '* * *' } },
    'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
  ],
  [
    'batch/v1 CronJob',
    { spec: { schedule: '70 * * * *' } },
    'spec.schedule: Invalid value: "70 * * * *": end of range (70) above maximum (59): 70',
  ],
  [
    'batch/v1 CronJob',
    { spec: { schedule: 'TZ=UTC 0 * * * *' } },
    'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ],
  [
    'batch/v1 CronJob',
    { spec: { timeZone: 'Sea/North' } },
    'spec.timeZone: Invalid value: "Sea/North": unknown time zone Sea/North',
  ],
  [
    'batch/v1 CronJob',
    { spec: { timeZone: 'europe/berlin' } },
    'spec.timeZone: Invalid value: "europe/berlin": unknown time zone europe/berlin',
  ],
  [
    'batch/v1 CronJob',
    { spec: { schedule: '@every 5d' } },
    'spec.schedule: Invalid value: "@every 5d": failed to parse duration @every 5d: time: unknown unit "d" in duration "5d"',
  ],
  [
    'batch/v1 CronJob',
    { metadata: { name: 'a'.repeat(53) } },
    `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
  ],
  [
    'autoscaling/v2 HorizontalPodAutoscaler',
    { spec: { maxReplicas: 1 } },
    'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
  ],
  [
    'autoscaling/v2 HorizontalPodAutoscaler',
    { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 4000 } } } },
    'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 4000: must be less than or equal to 3600',
  ],
  [
    'autoscaling/v2 HorizontalPodAutoscaler',
    { spec: { metrics: [{ type: 'Resource' }] } },
    'spec.metrics[0].resource: Required value: must populate information for the given metric source',
  ],
  [
    'autoscaling/v1 HorizontalPodAutoscaler',
    { spec: { minReplicas: 0 } },
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ],
  [
    'policy/v1 PodDisruptionBudget',
    { spec: { minAvailable: '120%' } },
    'spec.minAvailable: Invalid value: "120%": must not be greater than 100%',
  ],
  [
    'networking.k8s.io/v1 Ingress',
    { spec: { rules: null } },
    'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
  ],
  [
    'networking.k8s.io/v1 Ingress',
    { spec: { rules: [{ host: '10.0.0.1' }] } },
    'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
  ],
  [
    'networking.k8s.io/v1 Ingress',
    {
      spec: {
        rules: [{ http: { paths: [{ path: 'x', pathType: 'Exact', backend: { service: { name: 'a' } } }] } }],
      },
    },
    'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
    'spec.rules[0].http.paths[0].backend: Required value: port name or number is required',
  ],
  [
    'networking.k8s.io/v1 Ingress',
    { metadata: { annotations: { 'kubernetes.io/ingress.class': 'x' } } },
    'annotations.kubernetes.io/ingress.class: Invalid value: "x": must match `ingressClassName` when both are specified',
  ],
  [
    'networking.k8s.io/v1 IngressClass',
    { spec: { controller: 'lock' } },
    'spec.controller: Invalid value: "lock": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [
    'networking.k8s.io/v1 NetworkPolicy',
    { spec: { ingress: [{ from: [{}] }] } },
    'spec.ingress[0].from[0]: Required value: must specify a peer',
  ],
  [
    'networking.k8s.io/v1 NetworkPolicy',
    { spec: { egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }] } },
    'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
  ],
  [
    'networking.k8s.io/v1 ServiceCIDR',
    { spec: { cidrs: ['10.0.0.0'] } },
    'spec.cidrs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  ['storage.k8s.io/v1 StorageClass', { provisioner: null }, 'provisioner: Required value'],
  [
    'storage.k8s.io/v1 StorageClass',
    { reclaimPolicy: 'Recycle' },
    'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
  ],
  [
    'storage.k8s.io/v1 VolumeAttachment',
    { spec: { source: { persistentVolumeName: null } } },
    'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
  ],
  [
    'rbac.authorization.k8s.io/v1 Role',
    { rules: [{ verbs: ['get'], resources: ['pods'] }] },
    'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
  ],
  [
    'rbac.authorization.k8s.io/v1 Role',
    { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
  ],
  [
    'rbac.authorization.k8s.io/v1 RoleBinding',
    { roleRef: { kind: 'Crew' } },
    'roleRef.kind: Unsupported value: "Crew": supported values: "Role", "ClusterRole"',
  ],
  [
    'certificates.k8s.io/v1 CertificateSigningRequest',
    { spec: { signerName: 'crew' } },
    'spec.signerName: Invalid value: "crew": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
  ],
  [
    'certificates.k8s.io/v1 CertificateSigningRequest',
    { spec: { expirationSeconds: 60 } },
    'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)',
  ],
  [
    'scheduling.k8s.io/v1 PriorityClass',
    { value: 1_000_000_001 },
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  [
    'node.k8s.io/v1 RuntimeClass',
    { handler: 'a b' },
    `handler: Invalid value: "a b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
  ],
  [
    'flowcontrol.apiserver.k8s.io/v1 FlowSchema',
    { spec: { matchingPrecedence: 1 } },
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
  ],
  [
    'flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration',
    { spec: { limited: null } },
    'spec.limited: Required value: must not be empty when type is Limited',
  ],
  [
    'MutatingWebhookConfiguration',
    {
      webhooks: [
        {
          name: 'paint',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          clientConfig: { url: 'http://x' },
        },
      ],
    },
    'webhooks[0].name: Invalid value: "paint": should be a domain with at least three segments separated by dots',
    `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
  ],
  [
    'v1 ValidatingAdmissionPolicy',
    {
      spec: {
        validations: [
          { expression: 'true', message: 'a\nb', reason: 'NotFound' },
          { expression: 'true\n|| false', message: ' ' },
        ],
        auditAnnotations: [
          { key: 'a b', valueExpression: "'x'" },
          { key: 'c', valueExpression: ' ' },
        ],
        variables: [{ name: '1x', expression: '1' }],
        matchConditions: [{ name: '', expression: 'true' }],
      },
    },
    'spec.matchConditions[0].name: Required value',
    'spec.variables[0].name: Invalid value: "1x": must be a valid CEL identifier',
    'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
    'spec.validations[0].reason: Unsupported value: "NotFound": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    'spec.validations[1].message: Invalid value: " ": must be non-empty if specified',
    `spec.auditAnnotations[0].key: Invalid value: "ballast.example.com/a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    'spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified',
  ],
  [
    'ValidatingAdmissionPolicyBinding',
    { spec: { validationActions: ['Deny', 'Warn'] } },
    'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
  ],
  [
    'resource.k8s.io/v1 ResourceClaim',
    { spec: { devices: { requests: [{ name: 'a' }] } } },
    'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
  ],
];

const updated: readonly Row[] = [
  [
    'v1 Pod',
    { spec: { nodeName: 'quay-1' } },
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
  ],
  [
    'v1 PersistentVolumeClaim',
    { spec: { resources: { requests: { storage: '9Gi' } } } },
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
  ],
  [
    'v1 PersistentVolume',
    { spec: { hostPath: { path: '/other' } } },
    'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
  ],
  [
    'apps/v1 Deployment',
    { spec: { selector: { matchLabels: { tier: 'x' } }, template: { metadata: { labels: { tier: 'x' } } } } },
    'spec.selector: Invalid value: {"matchLabels":{"app":"ferry","tier":"x"}}: field is immutable',
  ],
  [
    'apps/v1 StatefulSet',
    { spec: { serviceName: 'x' } },
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ],
  [
    'apps/v1 ControllerRevision',
    { data: { spec: { replicas: 4 } } },
    'data: Invalid value: {"spec":{"note":"any JSON","replicas":4}}: field is immutable',
  ],
  ['batch/v1 Job', { spec: { completions: 4 } }, 'spec.completions: Invalid value: 4: field is immutable'],
  [
    'networking.k8s.io/v1 IngressClass',
    { spec: { controller: 'example.com/other' } },
    'spec.controller: Invalid value: "example.com/other": field is immutable',
  ],
  [
    'storage.k8s.io/v1 StorageClass',
    { provisioner: 'other.example.com' },
    'provisioner: Invalid value: "other.example.com": field is immutable',
  ],
  [
    'rbac.authorization.k8s.io/v1 RoleBinding',
    { roleRef: { name: 'other' } },
    'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"other"}: cannot change roleRef',
  ],
  ['scheduling.k8s.io/v1 PriorityClass', { value: 5 }, 'value: Forbidden: may not be changed in an update.'],
  ['node.k8s.io/v1 RuntimeClass', { handler: 'open' }, 'handler: Invalid value: "open": field is immutable'],
];

const parts: readonly (readonly [string, string, object, ...string[]])[] = [
  [
    'v1 Pod',
    'ephemeralcontainers',
    { spec: { ephemeralContainers: [{ name: 'helm', image: 'x', ports: [{ containerPort: 1 }] }] } },
    'spec.ephemeralContainers[0].name: Duplicate value: "helm"',
    'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ],
  [
    'v1 Pod',
    'resize',
    { spec: { containers: [{ name: 'helm', image: 'demo', resources: { limits: { cpu: '200m' } } }] } },
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
    'spec: Forbidden: only cpu and memory resources are mutable',
  ],
  [
    'CertificateSigningRequest',
    'approval',
    {
      status: {
        conditions: [
          { type: 'Approved', status: 'True' },
          { type: 'Denied', status: 'True' },
        ],
      },
    },
    'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ],
  [
    'CertificateSigningRequest',
    'status',
    { status: { certificate: 'eHh4' } },
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
  ],
];

describe('a new object is refused with the field and the reason', () => {
  for (const [kind, patch, ...expected] of created)
    it(`${kind}: ${expected[0]?.slice(0, 120)}`, () => assert.deepEqual(problems(kind, patch), expected));
});

describe('a change is refused with the field and the reason', () => {
  for (const [kind, patch, ...expected] of updated)
    it(`${kind}: ${expected[0]?.slice(0, 120)}`, () => assert.deepEqual(problems(kind, patch, {}), expected));
});

describe('a change of a part is refused with the field and the reason', () => {
  for (const [kind, subresource, patch, ...expected] of parts)
    it(`${kind}/${subresource}: ${expected[0]?.slice(0, 100)}`, () =>
      assert.deepEqual(problems(kind, patch, { subresource }), expected));
});

describe('schedules', () => {
  const good = ['0 0 * * 0', '*/5 1-3,7 ? jan-MAR mon', '@daily', '@every 1h30m', '0 22 * * 1-5'];
  const wrong = [
    '',
    '@often',
    '* * * * 7',
    '*/0 * * * *',
    '5-1 * * * *',
    'a * * * *',
    '@every soon',
    '1/2/3 * * * *',
  ];
  for (const schedule of good)
    it(`takes ${schedule}`, () => assert.deepEqual(problems('batch/v1 CronJob', { spec: { schedule } }), []));
  for (const schedule of wrong)
    it(`refuses ${JSON.stringify(schedule)}`, () =>
      assert.equal(problems('batch/v1 CronJob', { spec: { schedule } }).length, 1));
});
