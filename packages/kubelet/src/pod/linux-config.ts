/** Resources and security settings of pods in the words of CRI: pure. */
import type { Container, Pod, SeccompProfile } from '@timonier/api';
import { quantityValue } from '@timonier/api';
import type * as cri from '@timonier/grpc/cri';
import { milli, qosClass } from './pod-facts.ts';

const periodMicros = 100_000;
const minShares = 2;
const maxShares = 262_144;

/** CPU shares, quota, memory limit and the out-of-memory score of a container. */
export function containerResources(
  container: Container,
  pod: Pod,
  nodeMemoryBytes: number,
): cri.Draft<cri.LinuxContainerResources> {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpuLimit = milli(limits['cpu']);
  const cpuRequest = milli(requests['cpu']) || cpuLimit;
  const memoryLimit = limits['memory'] === undefined ? 0 : quantityValue(limits['memory']);
  return {
    cpuShares: Math.min(maxShares, Math.max(minShares, Math.floor((cpuRequest * 1024) / 1000))),
    ...(cpuLimit === 0
      ? {}
      : { cpuPeriod: periodMicros, cpuQuota: Math.max(1000, Math.floor((cpuLimit * periodMicros) / 1000)) }),
    ...(memoryLimit === 0 ? {} : { memoryLimitInBytes: memoryLimit }),
    oomScoreAdj: oomScore(container, pod, nodeMemoryBytes),
  };
}

/** The more of its memory request a pod was promised, the later it is killed when the node runs out. */
function oomScore(container: Container, pod: Pod, nodeMemoryBytes: number): number {
  const qos = qosClass(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const { requests = {}, limits = {} } = container.resources ?? {};
  const request = quantityValue(requests['memory'] ?? limits['memory'] ?? '0');
  const score = 1000 - Math.floor((1000 * request) / Math.max(1, nodeMemoryBytes));
  return Math.min(999, Math.max(3, score));
}

/** `targetId` names the container whose processes an ephemeral one shares. */
export function namespaceOptions(pod: Pod, targetId?: string): cri.Draft<cri.NamespaceOption> {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {};
  const pid = hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: hostNetwork === true ? 'NODE' : 'POD',
    ipc: hostIPC === true ? 'NODE' : 'POD',
    ...(targetId === undefined ? { pid } : { pid: 'TARGET', targetId }),
  };
}

export function sandboxSecurity(pod: Pod): cri.Draft<cri.LinuxSandboxSecurityContext> {
  const security = pod.spec?.securityContext ?? {};
  const privileged = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].some(
    (container) => container.securityContext?.privileged === true,
  );
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged,
    supplementalGroups: groups(pod),
    seccomp: privileged ? { profileType: 'Unconfined' } : { profileType: 'RuntimeDefault' },
    ...(security.runAsUser === undefined ? {} : { runAsUser: { value: security.runAsUser } }),
    ...(security.runAsGroup === undefined ? {} : { runAsGroup: { value: security.runAsGroup } }),
  };
}

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function containerSecurity(
  container: Container,
  pod: Pod,
  targetId?: string,
): cri.Draft<cri.LinuxContainerSecurityContext> {
  const own = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  const privileged = own.privileged === true;
  const unmasked = privileged || own.procMount === 'Unmasked';
  return {
    privileged,
    namespaceOptions: namespaceOptions(pod, targetId),
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    supplementalGroups: groups(pod),
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: seccomp(own.seccompProfile ?? shared.seccompProfile),
    ...(user === undefined ? {} : { runAsUser: { value: user } }),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
  };
}

function groups(pod: Pod): number[] {
  const { supplementalGroups = [], fsGroup } = pod.spec?.securityContext ?? {};
  return fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup];
}

/** Without a profile a container is unconfined, as upstream's default is. */
function seccomp(profile: SeccompProfile | undefined): cri.Draft<cri.SecurityProfile> {
  if (profile?.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' };
  if (profile?.type === 'Localhost') {
    return {
      profileType: 'Localhost',
      localhostRef: `/var/lib/kubelet/seccomp/${profile.localhostProfile ?? ''}`,
    };
  }
  return { profileType: 'Unconfined' };
}
