/** The Node object of this host, computed from facts: pure. */
import type { Node, NodeCondition, NodeStatus, Taint } from '@timonier/api';
import type { HostFacts, HostPressure } from './host-facts.ts';

export interface RuntimeReport {
  readonly name: string;
  readonly version: string;
  /** Conditions of the runtime by type, such as RuntimeReady and NetworkReady; empty when it does not answer. */
  readonly conditions: ReadonlyMap<string, { readonly ok: boolean; readonly message: string }>;
  readonly error: string | undefined;
}

export interface NodeInput {
  readonly name: string;
  readonly address: string;
  readonly facts: HostFacts;
  readonly pressure: HostPressure;
  readonly runtime: RuntimeReport;
  readonly maxPods: number;
  readonly kubeletVersion: string;
  readonly serverPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly now: Date;
}

const memoryLowBytes = 100 * 1024 * 1024;
const diskLowRatio = 0.05;
const processesHighRatio = 0.9;

export function nodeLabels(input: NodeInput): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': input.facts.architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': input.facts.architecture,
    'kubernetes.io/hostname': input.name,
    'kubernetes.io/os': 'linux',
    ...input.labels,
  };
}

export function newNode(input: NodeInput): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: input.name, labels: nodeLabels(input) },
    spec: input.taints.length === 0 ? {} : { taints: [...input.taints] },
    status: nodeStatus(input, undefined),
  };
}

/** The status now; times of conditions that did not change stay. */
export function nodeStatus(input: NodeInput, before: NodeStatus | undefined): NodeStatus {
  const { facts, pressure, runtime } = input;
  const capacity = {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(pressure.diskTotalBytes / 1024)}Ki`,
    pods: String(input.maxPods),
  };
  return {
    capacity,
    allocatable: {
      ...capacity,
      'ephemeral-storage': String(Math.floor(pressure.diskTotalBytes * (1 - diskLowRatio))),
    },
    addresses: [
      { type: 'InternalIP', address: input.address },
      { type: 'Hostname', address: input.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: input.serverPort } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kubeletVersion: input.kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.architecture,
    },
    conditions: nodeConditions(input, before?.conditions ?? []),
  };
}

function nodeConditions(input: NodeInput, before: readonly NodeCondition[]): NodeCondition[] {
  const { pressure } = input;
  const memory = pressure.memoryAvailableBytes < memoryLowBytes;
  const disk =
    pressure.diskFreeBytes < pressure.diskTotalBytes * diskLowRatio ||
    (pressure.diskTotalInodes > 0 && pressure.diskFreeInodes < pressure.diskTotalInodes * diskLowRatio);
  const processes = pressure.processes > pressure.maxProcesses * processesHighRatio;
  const problem = runtimeProblem(input.runtime);
  const list: [string, boolean, string, string][] = [
    memory
      ? ['MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    disk
      ? ['DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    processes
      ? ['PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : ['PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    problem === undefined
      ? ['Ready', true, 'KubeletReady', 'kubelet is posting ready status']
      : ['Ready', false, 'KubeletNotReady', problem],
  ];
  const now = input.now.toISOString().replace(/\.\d+Z$/, 'Z');
  return list.map(([type, holds, reason, message]) => {
    const status = holds ? 'True' : 'False';
    const known = before.find((condition) => condition.type === type);
    const since = known?.status === status ? known.lastTransitionTime : undefined;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime: since ?? now, reason, message };
  });
}

/** Why pods cannot run; undefined when they can. */
export function runtimeProblem(runtime: RuntimeReport): string | undefined {
  if (runtime.error !== undefined) return `container runtime is down: ${runtime.error}`;
  const failing = [...runtime.conditions].find(
    ([type, { ok }]) => !ok && (type === 'RuntimeReady' || type === 'NetworkReady'),
  );
  if (failing === undefined) return undefined;
  const [type, { message }] = failing;
  return type === 'NetworkReady'
    ? `container runtime network not ready: NetworkReady=false message:${message}`
    : `container runtime not ready: ${message}`;
}
