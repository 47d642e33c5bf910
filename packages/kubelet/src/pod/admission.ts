/**
 * Whether a new pod fits this node: pure. The scheduler has said so already, but two schedulers, or a node named in a
 * manifest, can bring more than there is; such a pod fails here with upstream's reason and nothing of it is started.
 */
import { quantityValue, type Container, type ContainerPort, type Pod } from '@timonier/api';
import type { PodOutcome } from './decide.ts';
import { initContainers, isSidecar, mainContainers, milli } from './pod-facts.ts';

export interface NodeCapacity {
  readonly pods: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

interface Demand {
  readonly cpu: number;
  readonly memory: number;
}

/** Why `pod` cannot run beside `others`; undefined when it can. Pods that have begun are never asked again. */
export function refusalOf(pod: Pod, others: readonly Pod[], capacity: NodeCapacity): PodOutcome | undefined {
  const active = others.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const used = active.map(demandOf).reduce(sum, { cpu: 0, memory: 0 });
  const asked = demandOf(pod);
  const short = (resource: string, requested: number, inUse: number, all: number): PodOutcome | undefined =>
    requested === 0 || requested + inUse <= all
      ? undefined
      : {
          phase: 'Failed',
          reason: `OutOf${resource}`,
          message: `Pod was rejected: Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${inUse}, capacity: ${all}`,
        };
  return (
    short('pods', 1, active.length, capacity.pods) ??
    short('cpu', asked.cpu, used.cpu, capacity.cpuMilli) ??
    short('memory', asked.memory, used.memory, capacity.memoryBytes) ??
    portsTaken(pod, active)
  );
}

function portsTaken(pod: Pod, others: readonly Pod[]): PodOutcome | undefined {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return undefined;
  const taken = others.flatMap(hostPorts);
  if (!wanted.some((port) => taken.some((other) => areSame(port, other)))) return undefined;
  return {
    phase: 'Failed',
    reason: 'NodePorts',
    message:
      "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

/** Of what may run at the same time; other init containers open none. */
function hostPorts(pod: Pod): readonly ContainerPort[] {
  const running = [...initContainers(pod).filter(isSidecar), ...mainContainers(pod)];
  return running.flatMap(({ ports = [] }) => ports).filter(({ hostPort = 0 }) => hostPort > 0);
}

function areSame(a: ContainerPort, b: ContainerPort): boolean {
  const [one, other] = [addressOf(a), addressOf(b)];
  return (
    a.hostPort === b.hostPort &&
    (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP') &&
    (one === other || one === everyAddress || other === everyAddress)
  );
}

const everyAddress = '0.0.0.0';

function addressOf({ hostIP = '' }: ContainerPort): string {
  return hostIP === '' ? everyAddress : hostIP;
}

/** What a pod may need at its busiest: all that run together, or one init container with the sidecars before it. */
function demandOf(pod: Pod): Demand {
  let beside: Demand = { cpu: 0, memory: 0 };
  let peak: Demand = { cpu: 0, memory: 0 };
  for (const container of initContainers(pod)) {
    const own = requestsOf(container);
    peak = most(peak, sum(beside, own));
    if (isSidecar(container)) beside = sum(beside, own);
  }
  const together = mainContainers(pod).map(requestsOf).reduce(sum, beside);
  const overhead = pod.spec?.overhead ?? {};
  return sum(most(peak, together), {
    cpu: milli(overhead['cpu']),
    memory: quantityValue(overhead['memory'] ?? '0'),
  });
}

function requestsOf({ resources }: Container): Demand {
  const { requests = {}, limits = {} } = resources ?? {};
  return {
    cpu: milli(requests['cpu'] ?? limits['cpu']),
    memory: quantityValue(requests['memory'] ?? limits['memory'] ?? '0'),
  };
}

function sum(a: Demand, b: Demand): Demand {
  return { cpu: a.cpu + b.cpu, memory: a.memory + b.memory };
}

function most(a: Demand, b: Demand): Demand {
  return { cpu: Math.max(a.cpu, b.cpu), memory: Math.max(a.memory, b.memory) };
}
