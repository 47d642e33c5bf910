/** Rules as kube-apiserver 1.36 was seen to apply them when both got the same requests. */
import { checkRows, type Row } from '../testing/rule-rows.ts';

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const key =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const long = 'a'.repeat(300);
const selector = { matchLabels: { app: 'web' } };
const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'x' }] },
};
const pod = (spec: object): object => ({ spec: { containers: [{ name: 'c', image: 'x' }], ...spec } });

const lengths: readonly Row[] = [
  {
    of: '/v1/configmaps',
    value: {
      metadata: { name: long, namespace: 'n', labels: { [`${long}/x`]: long } },
      data: { [long]: '' },
    },
    says: [
      `metadata.name: Invalid value: "${long}": must be no more than 253 characters`,
      `metadata.labels: Invalid value: "${long}/x": prefix part must be no more than 253 bytes`,
      `metadata.labels: Invalid value: "${long}": must be no more than 63 bytes`,
      `data[${long}]: Invalid value: "${long}": must be no more than 253 characters`,
    ],
  },
];

const workloads: readonly Row[] = [
  {
    of: '/v1/replicationcontrollers',
    value: { metadata: { name: long, namespace: 'n' }, spec: { selector: { app: 'web' }, template } },
    says: [`metadata.name: Invalid value: "${long}": must be no more than 253 bytes`],
  },
  {
    of: 'apps/v1/deployments',
    value: { spec: { selector: { matchLabels: { 'no key!': 'x' } }, template } },
    says: [
      `spec.selector.matchLabels: Invalid value: "no key!": ${key}`,
      'spec.selector: Invalid value: {"matchLabels":{"no key!":"x"}}: invalid label selector',
    ],
  },
  {
    of: 'apps/v1/daemonsets',
    value: { spec: { template } },
    says: [
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  },
  {
    of: 'apps/v1/daemonsets',
    value: { spec: { selector: {}, template } },
    old: { spec: { selector, template } },
    says: [
      'spec.selector: Invalid value: {}: field is immutable',
      'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
    ],
  },
  {
    of: 'apps/v1/statefulsets',
    value: {
      spec: { selector, template, revisionHistoryLimit: -1, volumeClaimTemplates: [{ spec: claimSpec() }] },
    },
    says: [
      'spec.template.spec.volumes[0].persistentVolumeClaim.claimName: Required value',
      'spec.template.spec.volumes[0].name: Required value',
    ],
  },
  {
    of: 'apps/v1/statefulsets',
    value: { spec: { selector, template, volumeClaimTemplates: [claim({ kind: 'x', apiVersion: 'y' })] } },
    old: { spec: { selector, template, volumeClaimTemplates: [claim({})] } },
    says: [],
  },
  {
    of: 'apps/v1/controllerrevisions',
    value: { revision: 1 },
    old: { revision: 1, data: { a: 1 } },
    says: ['data: Invalid value: null: field is immutable'],
  },
];

function claimSpec(): object {
  return { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
}

function claim(more: object): object {
  return { metadata: { name: 'gold' }, spec: claimSpec(), ...more };
}

const pods: readonly Row[] = [
  { of: '/v1/pods', value: pod({ containers: [port('not an address')] }), says: [] },
  {
    of: '/v1/pods',
    value: pod({
      initContainers: [{ name: 'i', image: 'x', restartPolicyRules: [{ action: 'Skip' }] }],
      os: {},
      securityContext: { seLinuxChangePolicy: 'MountOption' },
    }),
    says: [
      'spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
      'spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"',
      'spec.os.name: Required value',
    ],
  },
  { of: '/v1/pods', value: pod({ containers: [asking('100m')], resources: {} }), says: [] },
  {
    of: '/v1/pods',
    value: pod({ containers: [asking('100m')], resources: { requests: { cpu: '50m', memory: '1Gi' } } }),
    says: [
      'spec.resources.requests[cpu]: Invalid value: "50m": must be greater than or equal to aggregate container requests of 100m',
    ],
  },
];

function port(hostIP: string): object {
  return { name: 'c', image: 'x', ports: [{ containerPort: 80, hostIP }] };
}

function asking(cpu: string): object {
  return { name: 'c', image: 'x', resources: { requests: { cpu } } };
}

const network: readonly Row[] = [
  {
    of: 'networking.k8s.io/v1/networkpolicies',
    value: { spec: { podSelector: {}, ingress: [{ ports: [{ protocol: '', port: 80, endPort: 0 }] }] } },
    says: [
      'spec.ingress[0].ports[0].protocol: Unsupported value: "": supported values: "TCP", "UDP", "SCTP"',
      'spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
      'spec.ingress[0].ports[0].endPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
  },
  {
    of: 'networking.k8s.io/v1/servicecidrs',
    value: { spec: { cidrs: ['10.98.0.0/24'] } },
    old: { spec: { cidrs: ['10.97.0.0/24'] } },
    says: ['spec.cidrs[0]: Invalid value: "10.98.0.0/24": field is immutable'],
  },
  {
    of: 'networking.k8s.io/v1/ingressclasses',
    value: { spec: { controller: 'x' } },
    old: { spec: { controller: 'example.com/x' } },
    says: [
      'spec.controller: Invalid value: "x": field is immutable',
      'spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  },
  {
    of: 'discovery.k8s.io/v1/endpointslices',
    value: { addressType: 'IPv4', endpoints: [{ addresses: ['2001:db8::1', 'x', '010.1.1.1'] }] },
    says: [
      'endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address',
      'endpoints[0].addresses[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'endpoints[0].addresses[2]: Invalid value: "010.1.1.1": must not have leading 0s',
    ],
  },
];

const storage: readonly Row[] = [
  {
    of: 'storage.k8s.io/v1/storageclasses',
    value: {
      provisioner: 'example.com/p',
      reclaimPolicy: '',
      volumeBindingMode: '',
      allowedTopologies: [{}],
    },
    says: [
      'volumeBindingMode: Unsupported value: "": supported values: "Immediate", "WaitForFirstConsumer"',
      'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""',
    ],
  },
  {
    of: 'storage.k8s.io/v1/csinodes',
    value: { spec: { drivers: [{ nodeID: 'n' }] } },
    says: ['spec.drivers[0].name: Required value'],
  },
  {
    of: '/v1/persistentvolumes',
    value: {
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '1Gi' },
        hostPath: { path: '/x' },
        flexVolume: {},
        local: { path: '/y' },
      },
    },
    says: [
      'spec.flexVolume.driver: Required value',
      'spec.local: Forbidden: may not specify more than 1 volume type',
    ],
  },
];

const others: readonly Row[] = [
  {
    of: '/v1/nodes',
    value: { spec: { podCIDR: 'x' }, status: { declaredFeatures: ['x', 'Fine/part', 'x'] } },
    says: [
      `status.declaredFeatures[0]: Invalid value: "x": invalid feature name "x": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
      'status.declaredFeatures[2]: Duplicate value: "x"',
      `status.declaredFeatures[2]: Invalid value: "x": invalid feature name "x": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
      'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
  },
  {
    of: '/v1/nodes',
    value: { spec: { externalID: 'x' } },
    old: {},
    says: ['spec.externalID: Forbidden: may not be updated'],
  },
  {
    of: '/v1/limitranges',
    value: {
      spec: {
        limits: [{ type: 'Container', min: { cpu: 2 }, defaultRequest: { cpu: 1 }, default: { cpu: 1 } }],
      },
    },
    says: [
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
    ],
  },
  {
    of: 'scheduling.k8s.io/v1/priorityclasses',
    value: { value: 1, preemptionPolicy: 'x' },
    says: ['preemptionPolicy: Unsupported value: "x": supported values: "PreemptLowerPriority", "Never"'],
  },
  {
    of: 'scheduling.k8s.io/v1/priorityclasses',
    value: { value: 1, preemptionPolicy: 'x' },
    old: { value: 1 },
    says: ['preemptionPolicy: Invalid value: "x": field is immutable'],
  },
  {
    of: 'resource.k8s.io/v1/resourceclaims',
    value: { spec: { devices: { requests: [{ name: 'Not A Name' }] } } },
    old: { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'b' } }] } } },
    says: ['spec: Invalid value: {"devices":{"requests":[{"name":"Not A Name"}]}}: field is immutable'],
  },
  {
    of: 'policy/v1/poddisruptionbudgets',
    value: { metadata: { name: 'Not_A Name!', namespace: 'n' }, spec: { minAvailable: 1 } },
    says: [],
  },
  {
    of: 'policy/v1/poddisruptionbudgets',
    value: { spec: { minAvailable: 'x', unhealthyPodEvictionPolicy: '' } },
    says: [
      `spec.minAvailable: Invalid value: "x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  },
  {
    of: 'node.k8s.io/v1/runtimeclasses',
    value: { handler: 'Not A Name' },
    says: [`handler: Invalid value: "Not A Name": ${label}`],
  },
  { of: 'node.k8s.io/v1/runtimeclasses', value: {}, says: ['handler: Required value'] },
  {
    of: 'events.k8s.io/v1/events',
    value: {
      metadata: { name: 'Not_A Name!', namespace: 'default' },
      eventTime: '2026-01-02T03:04:05.000006Z',
      reportingController: 'a',
      reportingInstance: 'b',
      action: 'c',
      reason: 'd',
      type: 'Normal',
    },
    says: [`metadata.name: Invalid value: "Not_A Name!": ${subdomain}`],
  },
];

const slice = {
  driver: 'sonar.example.com',
  pool: { name: 'quay', generation: 1, resourceSliceCount: 1 },
  nodeName: 'quay-1',
  devices: [{ name: 'sonar-0' }],
};
const where = '`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`';
const orders: readonly Row[] = [
  {
    of: 'resource.k8s.io/v1/resourceslices',
    old: { spec: slice },
    value: { spec: { ...slice, nodeName: '' } },
    says: [
      'spec.nodeName: Invalid value: "": field is immutable',
      'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
      `spec: Required value: exactly one of ${where} is required`,
    ],
  },
  {
    of: 'apps/v1/statefulsets',
    value: {
      spec: {
        selector,
        template: { ...template, spec: {} },
        volumeClaimTemplates: [{ metadata: { name: 'c' }, spec: {} }],
      },
    },
    says: [
      'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
      'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
      'spec.template.spec.containers: Required value',
    ],
  },
  {
    of: '/v1/pods',
    value: pod({ ephemeralContainers: [{ name: 'e', image: 'x', lifecycle: {} }] }),
    says: [
      'spec.ephemeralContainers[0].lifecycle: Forbidden: cannot be set for an Ephemeral Container',
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    ],
  },
];

checkRows('lengths of names', lengths);
checkRows('orders', orders);
checkRows('workloads', workloads);
checkRows('pods', pods);
checkRows('networks', network);
checkRows('volumes', storage);
checkRows('other kinds', others);
