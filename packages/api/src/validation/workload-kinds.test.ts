/** Rules of the kinds that people write most, with upstream's words and places. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../generated/types.ts';
import { registry, type ResourceInfo } from '../registry.ts';
import { problems } from '../testing/problems.ts';
import { formatFieldError, validate } from '../validation.ts';

type Row = readonly [kind: string, patch: object, ...expected: string[]];

const container = (more: object, spec: object = {}): object => ({
  spec: { containers: [{ name: 'a', image: 'b', ...more }], initContainers: null, volumes: null, ...spec },
});
const volume = (source: object): object => container({}, { volumes: [{ name: 'v', ...source }] });
const mounts = (...volumeMounts: object[]): object =>
  container({ volumeMounts }, { volumes: [{ name: 'v', emptyDir: {} }] });

const created: readonly Row[] = [
  [
    'v1 Pod',
    volume({ hostPath: { path: '/a/../b', type: 'Dir' } }),
    `spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
    'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
  ],
  [
    'v1 Pod',
    volume({ nfs: { server: 's', path: 'x' } }),
    'spec.volumes[0].nfs.path: Invalid value: "x": must be an absolute path',
  ],
  [
    'v1 Pod',
    volume({ secret: { secretName: 's', items: [{ key: 'k', path: '..a', mode: 512 }] } }),
    `spec.volumes[0].secret.items[0].path: Invalid value: "..a": must not start with '..'`,
    'spec.volumes[0].secret.items[0].mode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
  ],
  [
    'v1 Pod',
    volume({ downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'spec.nodeName' } }] } }),
    'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
  ],
  [
    'v1 Pod',
    volume({
      projected: {
        sources: [
          { serviceAccountToken: { path: 't', expirationSeconds: 60 } },
          { configMap: { name: 'c', items: [{ key: 'a', path: 'x' }] } },
          { secret: { name: 's', items: [{ key: 'a', path: 'x' }] } },
        ],
      },
    }),
    'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    'spec.volumes[0].projected: Invalid value: "s": conflicting duplicate paths',
    'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
  ],
  [
    'v1 Pod',
    volume({ ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } }),
    'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value',
  ],
  [
    'v1 Pod',
    mounts(
      { name: 'v', mountPath: '/a', mountPropagation: 'Bidirectional' },
      { name: 'v', mountPath: '/b', subPath: 'x', subPathExpr: '$(Y)' },
      { name: 'v', mountPath: '/c', recursiveReadOnly: 'Enabled' },
      { name: 'v', mountPath: '/c' },
    ),
    'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
    'spec.containers[0].volumeMounts[1].subPathExpr: Invalid value: "$(Y)": subPathExpr and subPath are mutually exclusive',
    'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
    'spec.containers[0].volumeMounts[3].mountPath: Invalid value: "/c": must be unique',
  ],
  [
    'v1 Pod',
    container(
      {
        volumeDevices: [
          { name: 'v', devicePath: '/dev/a' },
          { name: 'v', devicePath: '/dev/../b' },
        ],
        volumeMounts: [{ name: 'v', mountPath: '/dev/a' }],
      },
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
    ),
    'spec.containers[0].volumeMounts[0].name: Invalid value: "v": must not already exist in volumeDevices',
    'spec.containers[0].volumeMounts[0].mountPath: Invalid value: "/dev/a": must not already exist as a path in volumeDevices',
    'spec.containers[0].volumeDevices[0].name: Invalid value: "v": must not already exist in volumeMounts',
    'spec.containers[0].volumeDevices[0].devicePath: Invalid value: "/dev/a": must not already exist as a path in volumeMounts',
    'spec.containers[0].volumeDevices[1].name: Invalid value: "v": must be unique',
    `spec.containers[0].volumeDevices[1].devicePath: Invalid value: "/dev/../b": can not contain backsteps ('..')`,
    'spec.containers[0].volumeDevices[1].name: Invalid value: "v": must not already exist in volumeMounts',
  ],
  [
    'v1 Pod',
    container({
      livenessProbe: { grpc: { port: 0 }, terminationGracePeriodSeconds: 0 },
      readinessProbe: { exec: { command: ['a'] }, terminationGracePeriodSeconds: 5 },
      ports: [{ containerPort: 80, hostIP: 'here' }],
    }),
    'spec.containers[0].livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    'spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0',
    'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes',
  ],
  [
    'v1 Pod',
    container({ resources: { requests: { 'example.com/gpu': '500m' } } }),
    'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    'spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources',
  ],
  [
    'v1 Pod',
    container({ resources: { requests: { 'hugepages-2Mi': '2Mi' }, limits: { 'hugepages-2Mi': '4Mi' } } }),
    'spec.containers[0].resources.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi',
    'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
  ],
  [
    'v1 Pod',
    container({
      securityContext: {
        seccompProfile: { type: 'Localhost' },
        appArmorProfile: { type: 'RuntimeDefault', localhostProfile: 'x' },
      },
    }),
    'spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: "x": can only be set when AppArmor type is Localhost',
  ],
  [
    'v1 Pod',
    { spec: { nodeName: 'n', schedulingGates: [{ name: 'a.b/c' }] } },
    'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
  ],
  [
    'apps/v1 Deployment',
    { spec: { strategy: { rollingUpdate: { maxUnavailable: '150%' } } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
  ],
  [
    'apps/v1 Deployment',
    { spec: { template: { spec: { ephemeralContainers: [{ name: 'e', image: 'x' }] } } } },
    'spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template',
  ],
  [
    'apps/v1 StatefulSet',
    { spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } } } },
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
  ],
  [
    'apps/v1 StatefulSet',
    { spec: { ordinals: { start: -1 } } },
    'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'batch/v1 Job',
    { spec: { managedBy: 'me', maxFailedIndexes: 9, backoffLimitPerIndex: null, completions: 3 } },
    'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    'spec.maxFailedIndexes: Invalid value: 9: requires indexed completion mode',
  ],
  [
    'batch/v1 Job',
    { spec: { completionMode: 'NonIndexed', successPolicy: { rules: [{ succeededCount: 1 }] } } },
    'spec.successPolicy: Invalid value: {"rules":[{"succeededCount":1}]}: requires indexed completion mode',
  ],
  [
    'networking.k8s.io/v1 Ingress',
    { spec: { tls: [{ secretName: 'A' }], defaultBackend: { service: null, resource: { kind: 'K' } } } },
    'spec.defaultBackend.resource.name: Required value: name is required',
    `spec.tls[0].secretName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  [
    'v1 Secret',
    { type: 'kubernetes.io/basic-auth', data: null, stringData: null, immutable: null },
    'data[username]: Required value',
    'data[password]: Required value',
  ],
  [
    'v1 Secret',
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'eHh4' }, stringData: null },
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be valid JSON',
  ],
  [
    'autoscaling/v2 HorizontalPodAutoscaler',
    {
      spec: {
        metrics: [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: 50, averageValue: '1' },
            },
          },
        ],
      },
    },
    'spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
  ],
];

const service = (spec: object): object => ({
  spec: { type: 'ClusterIP', externalTrafficPolicy: null, ports: [{ port: 80 }], ...spec },
});

const services: readonly Row[] = [
  [
    'v1 Service',
    service({ externalIPs: ['127.0.0.1', '0.0.0.0', 'fe80::1', 'x'] }),
    'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    'spec.externalIPs[1]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)',
    'spec.externalIPs[2]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    'spec.externalIPs[3]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    'v1 Service',
    service({
      loadBalancerSourceRanges: ['10.0.0.0/8'],
      loadBalancerClass: 'a/b',
      allocateLoadBalancerNodePorts: true,
    }),
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
    "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
  ],
  [
    'v1 Service',
    service({ type: 'LoadBalancer', ports: [{ port: 10250 }], loadBalancerSourceRanges: ['10.0.0.0'] }),
    'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  [
    'v1 Service',
    service({ externalTrafficPolicy: 'Local', healthCheckNodePort: 30000 }),
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
  ],
  [
    'v1 Service',
    service({
      type: 'NodePort',
      trafficDistribution: 'Near',
      ports: [
        { name: 'a', port: 80, nodePort: 30080, appProtocol: 'a b' },
        { name: 'b', port: 81, nodePort: 30080 },
      ],
    }),
    `spec.ports[0].appProtocol: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    'spec.ports[1].nodePort: Duplicate value: 30080',
    'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
  ],
];

describe('a new object is refused in the words of upstream', () => {
  for (const [kind, patch, ...expected] of [...created, ...services])
    it(`${kind}: ${expected[0]?.slice(0, 120)}`, () => assert.deepEqual(problems(kind, patch), expected));
});

describe('a pod that waits for its gates', () => {
  const info = registry.lookup('', 'v1', 'pods') as ResourceInfo;
  const expression = (key: string): object => ({ key, operator: 'Exists' });
  const affinity = (...terms: object[][]): object => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
      },
    },
  });
  const changed = (before: object, now: object, gates = [{ name: 'a.b/c' }]): string[] => {
    const pod = (spec: object) => ({
      metadata: { name: 'p', namespace: 'n' },
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        schedulingGates: gates,
        containers: [{ name: 'c', image: 'i' }],
        ...spec,
      } as PodSpec,
    });
    return validate(info, pod(now), pod(before)).map(formatFieldError);
  };
  const terms = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';

  it('may be led to fewer nodes', () => {
    assert.deepEqual(changed({}, { nodeSelector: { a: 'b' }, affinity: affinity([expression('x')]) }), []);
    const before = { nodeSelector: { a: 'b' }, affinity: affinity([expression('x')]) };
    const now = {
      nodeSelector: { a: 'b', c: 'd' },
      affinity: affinity([expression('x'), expression('y')]),
    };
    assert.deepEqual(changed(before, now), []);
  });

  it('may not be led to others', () => {
    assert.deepEqual(changed({ nodeSelector: { a: 'b' } }, { nodeSelector: { a: 'c' } }), [
      'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ]);
    const before = { affinity: affinity([expression('x')]) };
    const [more] = changed(before, { affinity: affinity([expression('x')], [expression('y')]) });
    assert.ok(more?.startsWith(`${terms}: Invalid value`));
    assert.match(more ?? '', /no additions\/deletions to non-empty NodeSelectorTerms list are allowed$/);
    const [other] = changed(before, { affinity: affinity([expression('y')]) });
    assert.ok(other?.startsWith(`${terms}[0]: Invalid value`));
    assert.match(other ?? '', /only additions are allowed \(no mutations or deletions\)$/);
  });

  it('is settled like every other one in all else, and when its gates are gone', () => {
    assert.match(changed({}, { hostNetwork: true }).join(), /^spec: Forbidden: pod updates may not change/);
    assert.match(changed({}, { nodeSelector: { a: 'b' } }, []).join(), /^spec: Forbidden/);
    assert.match(
      changed({}, { containers: [{ name: 'c', image: '' }] }, []).join(),
      /spec\.containers\[0\]\.image: Required value/,
    );
  });
});
