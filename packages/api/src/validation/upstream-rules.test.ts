/** Rules that few people meet, in upstream's words, order and paths; and what may stay although it is wrong. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkRows, meta, problems, type Row } from '../testing/rule-rows.ts';

const pod = (spec: object): object => ({ spec: { containers: [{ name: 'c', image: 'x' }], ...spec } });
const container = (more: object): object => pod({ containers: [{ name: 'c', image: 'x', ...more }] });
const pods = '/v1/pods';
const services = '/v1/services';
const service = (spec: object): object => ({ spec: { ports: [{ port: 80 }], ...spec } });
const job = (status: object): object => ({
  spec: {
    manualSelector: true,
    selector: { matchLabels: { a: 'b' } },
    template: {
      metadata: { labels: { a: 'b' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
    },
  },
  status,
});

const rows: readonly Row[] = [
  {
    of: pods,
    value: container({ restartPolicyRules: [{ action: 'Skip', exitCodes: { operator: 'Equals' } }] }),
    says: [
      'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
      'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Skip": supported values: "Restart", "RestartAllContainers"',
      'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Equals": supported values: "In", "NotIn"',
    ],
  },
  {
    of: pods,
    value: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }] }),
    says: [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.hostname": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
  },
  {
    of: pods,
    value: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nothing' } } }] }),
    says: [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nothing": error converting fieldPath: field label not supported: spec.nothing',
    ],
  },
  ...["['a']", "metadata.name['a']", "metadata.labels['a'"].map((fieldPath) => ({
    of: pods,
    value: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath } } }] }),
    says: [
      `spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: ${JSON.stringify(fieldPath)}: error converting fieldPath: field label not supported: ${fieldPath}`,
    ],
  })),
  ...["metadata.labels['a']", "metadata.annotations['A/b']"].map((fieldPath) => ({
    of: pods,
    value: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath } } }] }),
    says: [],
  })),
  {
    of: pods,
    value: container({
      env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } }],
    }),
    says: [
      `spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ],
  },
  {
    of: pods,
    value: container({
      livenessProbe: { httpGet: { port: 80, scheme: 'FTP', httpHeaders: [{ name: 'a b', value: '' }] } },
    }),
    says: [
      'spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
      `spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`,
    ],
  },
  {
    of: pods,
    value: container({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
    says: [
      'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
    ],
  },
  {
    of: pods,
    value: container({ resources: { claims: [{ name: 'gpu' }] } }),
    says: [
      'spec.containers[0].resources.claims[0]: Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
  },
  {
    of: pods,
    value: container({ resources: { limits: { 'hugepages-2Mi': '3Mi', cpu: '1' } } }),
    says: [
      'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
      'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
    ],
  },
  {
    of: pods,
    value: pod({ resources: { requests: { cpu: '1', 'example.com/x': '1' } } }),
    says: [
      'spec.resources.requests[example.com/x]: Unsupported value: "example.com/x": supported values: "cpu", "hugepages-", "memory"',
      'spec.resources.limits: Required value: Limit must be set for non overcommitable resources',
    ],
  },
  {
    of: pods,
    value: pod({ hostUsers: false, hostPID: true }),
    says: ['spec.HostPID: Forbidden: when `hostUsers` is false'],
  },
  {
    of: pods,
    value: pod({ os: { name: 'windows' }, securityContext: { runAsUser: 1 } }),
    says: ['spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod'],
  },
  {
    of: pods,
    value: pod({
      hostNetwork: true,
      securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] },
    }),
    says: [
      `spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when 'hostNetwork' is true`,
    ],
  },
  {
    of: pods,
    value: pod({ volumes: [{ name: 'v', iscsi: { targetPortal: 'p', iqn: 'abc', lun: 300 } }] }),
    says: [
      'spec.volumes[0].iscsi.iqn: Invalid value: "abc": must be valid format starting with iqn, eui, or naa',
      'spec.volumes[0].iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
    ],
  },
  {
    of: pods,
    value: pod({
      volumes: [
        { name: 'v', fc: { targetWWNs: ['1'] } },
        { name: 'w', csi: { driver: '' } },
      ],
    }),
    says: [
      'spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified',
      'spec.volumes[1].csi.driver: Required value',
      `spec.volumes[1].csi.driver: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  },
  {
    of: pods,
    value: pod({ dnsConfig: { nameservers: ['010.0.0.1'], searches: ['_ok.example', '-no'] } }),
    says: [
      'spec.dnsConfig.nameservers[0]: Invalid value: "010.0.0.1": must not have leading 0s',
      `spec.dnsConfig.searches[1]: Invalid value: "-no": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  },
  {
    of: pods,
    value: pod({ tolerations: [{ key: 'a', operator: 'Gt', value: '5' }] }),
    says: ['spec.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists"'],
  },
  {
    of: pods,
    value: { metadata: { ...meta, annotations: { 'kubernetes.io/config.mirror': 'x' } }, ...pod({}) },
    says: [
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    ],
  },
  {
    of: pods,
    part: 'status',
    old: {
      ...pod({ restartPolicy: 'Never' }),
      status: {
        qosClass: 'BestEffort',
        containerStatuses: [
          {
            name: 'c',
            ready: false,
            restartCount: 0,
            image: '',
            imageID: '',
            state: { terminated: { exitCode: 1 } },
          },
        ],
      },
    },
    value: {
      ...pod({ restartPolicy: 'Never' }),
      status: {
        qosClass: 'Burstable',
        podIPs: [{ ip: 'here' }],
        containerStatuses: [
          { name: 'c', ready: true, restartCount: 0, image: '', imageID: '', state: { running: {} } },
        ],
      },
    },
    says: [
      'status.qosClass: Invalid value: "Burstable": field is immutable',
      'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
      'status.podIPs[0]: Invalid value: "here": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  },
  {
    of: services,
    value: service({ clusterIP: 'None', clusterIPs: ['None'], type: 'NodePort' }),
    says: [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
  },
  {
    of: services,
    value: service({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }),
    says: [
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
    ],
  },
  {
    of: services,
    value: service({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2', '10.0.0.3'] }),
    says: [
      'spec.clusterIPs: Invalid value: ["10.0.0.2","10.0.0.3"]: first value must match `clusterIP`',
      'spec.clusterIPs: Invalid value: ["10.0.0.2","10.0.0.3"]: may specify no more than one IP for each IP family',
    ],
  },
  {
    of: services,
    part: 'status',
    old: service({}),
    value: { ...service({}), status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } },
    says: ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
  },
  {
    of: services,
    part: 'status',
    old: service({ type: 'LoadBalancer' }),
    value: {
      ...service({ type: 'LoadBalancer' }),
      status: { loadBalancer: { ingress: [{ hostname: '192.0.2.1', ipMode: 'VIP' }] } },
    },
    says: [
      'status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set',
      'status.loadBalancer.ingress[0].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address',
    ],
  },
  {
    of: '/v1/endpoints',
    value: { subsets: [{ addresses: [{ ip: '127.0.0.1' }, { ip: '169.254.1.1' }], ports: [{ port: 1 }] }] },
    says: [
      'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'subsets[0].addresses[1].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
  },
  {
    of: 'discovery.k8s.io/v1/endpointslices',
    value: {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['::1'], hints: { forZones: [{ name: 'a' }, { name: 'a' }] } }],
    },
    says: [
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
      'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
    ],
  },
  {
    of: '/v1/nodes',
    value: { spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'], taints: [{ key: 'a', effect: 'Nowhere' }] } },
    says: [
      'metadata.taints[0].effect: Unsupported value: "Nowhere": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
    ],
  },
  {
    of: '/v1/namespaces',
    part: 'status',
    old: {},
    value: { status: { phase: 'Terminating' } },
    says: [
      `status.Phase: Invalid value: "Terminating": may only be 'Active' if \`deletionTimestamp\` is empty`,
    ],
  },
  {
    of: '/v1/persistentvolumes',
    value: {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], local: { path: '/a/../b' } },
    },
    says: [
      `spec.local.path: Invalid value: "/a/../b": must not contain '..'`,
      'spec.nodeAffinity: Required value: Local volume requires node affinity',
    ],
  },
  {
    of: 'batch/v1/jobs',
    part: 'status',
    old: job({}),
    value: job({ active: 1, ready: 2, conditions: [{ type: 'Complete', status: 'True' }] }),
    says: [
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.startTime: Required value: startTime is required for finished job',
      'status.ready: Invalid value: 2: cannot set more ready pods than active',
    ],
  },
  {
    of: 'storage.k8s.io/v1/csidrivers',
    value: { spec: { fsGroupPolicy: 'Some', nodeAllocatableUpdatePeriodSeconds: 5 } },
    says: [
      'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 5: must be greater than or equal to 10 seconds',
    ],
  },
  {
    of: 'autoscaling/v2/horizontalpodautoscalers',
    value: { spec: { maxReplicas: 0, scaleTargetRef: { apiVersion: 'v1', kind: 'Pod', name: 'a' } } },
    says: [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
    ],
  },
  {
    of: 'autoscaling/v2/horizontalpodautoscalers',
    value: { spec: { maxReplicas: 1, scaleTargetRef: { kind: 'ReplicationController', name: 'a' } } },
    says: [],
  },
  {
    of: 'autoscaling/v2/horizontalpodautoscalers',
    value: {
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
        metrics: [
          { type: 'Resource', pods: { metric: { name: 'x' }, target: { type: 'Value', value: '1' } } },
        ],
      },
    },
    says: [
      'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
      'spec.metrics[0].resource: Required value: must populate information for the given metric source',
    ],
  },
  {
    of: '/v1/configmaps',
    value: {
      metadata: {
        ...meta,
        finalizers: ['orphan', 'foregroundDeletion', 'mine'],
        ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'e', uid: 'u' }],
      },
    },
    says: [
      'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is disallowed from being an owner',
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion","mine"]: finalizer orphan and foregroundDeletion cannot be both set',
      'metadata.finalizers[2]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  },
];

checkRows('rules that few people meet', rows);

describe('what is stored and wrong', () => {
  const wrong = container({ lifecycle: { preStop: { sleep: { seconds: 99 } } } });

  it('stays wrong in the same way when something else changes', () => {
    const labelled = { metadata: { ...meta, labels: { x: 'y' } }, ...wrong };
    assert.deepEqual(problems({ of: pods, value: labelled, old: wrong, says: [] }), []);
  });

  it('does not become wrong in another way', () => {
    const slice = (address: string): object => ({
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
    });
    const says = problems({
      of: 'discovery.k8s.io/v1/endpointslices',
      value: slice('127.0.0.2'),
      old: slice('127.0.0.1'),
      says: [],
    });
    assert.match(says.join(), /127\.0\.0\.2": may not be in the loopback range/);
  });
});
