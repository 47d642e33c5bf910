/**
 * What the scheduler knows of a node: what it offers, what its pods have asked for, and which host ports are taken.
 * CPU in thousandths, memory and storage in bytes, other resources in pieces.
 */
import { type Node, type Pod, quantityMilli, quantityValue } from '@timonier/api';

export interface ResourceAmounts {
  cpu: number;
  memory: number;
  readonly others: Map<string, number>;
}

export interface PodRequests extends ResourceAmounts {
  /** What the pod counts as when it asks for nothing: spreads empty pods too (upstream's 100m and 200Mi). */
  readonly scoredCpu: number;
  readonly scoredMemory: number;
}

const requestsCache = new WeakMap<Pod, PodRequests>();
const unstatedCpu = 100;
const unstatedMemory = 200 * 1024 * 1024;

/** The sum of the containers' requests, or the largest init container's where that is more, plus overhead. */
export function requestsOf(pod: Pod): PodRequests {
  const known = requestsCache.get(pod);
  if (known !== undefined) return known;
  const total: ResourceAmounts = { cpu: 0, memory: 0, others: new Map() };
  let scoredCpu = 0;
  let scoredMemory = 0;
  const sidecars: ResourceAmounts = { cpu: 0, memory: 0, others: new Map() };
  for (const { resources } of pod.spec?.containers ?? []) {
    const amounts = amountsOf(resources?.requests);
    add(total, amounts, 1);
    scoredCpu += resources?.requests?.['cpu'] === undefined ? unstatedCpu : amounts.cpu;
    scoredMemory += resources?.requests?.['memory'] === undefined ? unstatedMemory : amounts.memory;
  }
  const peak: ResourceAmounts = { cpu: 0, memory: 0, others: new Map() };
  for (const container of pod.spec?.initContainers ?? []) {
    const amounts = amountsOf(container.resources?.requests);
    if (container.restartPolicy === 'Always') {
      add(sidecars, amounts, 1);
      raise(peak, sidecars);
    } else {
      add(amounts, sidecars, 1);
      raise(peak, amounts);
    }
  }
  add(total, sidecars, 1);
  raise(total, peak);
  add(total, amountsOf(pod.spec?.overhead), 1);
  const requests = {
    ...total,
    scoredCpu: Math.max(scoredCpu, total.cpu),
    scoredMemory: Math.max(scoredMemory, total.memory),
  };
  requestsCache.set(pod, requests);
  return requests;
}

export function hasRequiredAntiAffinity({ spec }: Pod): boolean {
  const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return terms !== undefined && terms.length > 0;
}

export class NodeInfo {
  readonly name: string;
  node: Node;
  allocatable: ResourceAmounts & { pods: number };
  readonly requested: ResourceAmounts = { cpu: 0, memory: 0, others: new Map() };
  scoredCpu = 0;
  scoredMemory = 0;
  /** By uid. */
  readonly pods = new Map<string, Pod>();
  /** Those of its pods that want others apart from them, which few do. */
  readonly keepingApart = new Map<string, Pod>();
  /** How many of its pods each controlling owner has, by the owner's uid. */
  readonly ownerCounts = new Map<string, number>();
  /** `address protocol port` of each host port in use. */
  readonly #ports = new Map<string, number>();

  constructor(node: Node) {
    this.name = node.metadata?.name ?? '';
    this.node = node;
    this.allocatable = allocatableOf(node);
  }

  setNode(node: Node): void {
    this.node = node;
    this.allocatable = allocatableOf(node);
  }

  addPod(uid: string, pod: Pod): void {
    if (this.pods.has(uid)) this.removePod(uid);
    this.pods.set(uid, pod);
    if (hasRequiredAntiAffinity(pod)) this.keepingApart.set(uid, pod);
    this.#account(pod, 1);
  }

  removePod(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.keepingApart.delete(uid);
    this.#account(pod, -1);
  }

  /** True when a host port of `pod` is taken here. */
  portsConflict(pod: Pod): boolean {
    if (this.#ports.size === 0) return false;
    return hostPortsOf(pod).some(({ address, protocol, port }) => {
      if (address !== anyAddress) {
        return (
          this.#ports.has(`${address} ${protocol} ${port}`) ||
          this.#ports.has(`${anyAddress} ${protocol} ${port}`)
        );
      }
      const suffix = ` ${protocol} ${port}`;
      return this.#ports.keys().some((taken) => taken.endsWith(suffix));
    });
  }

  #account(pod: Pod, sign: 1 | -1): void {
    const requests = requestsOf(pod);
    add(this.requested, requests, sign);
    this.scoredCpu += sign * requests.scoredCpu;
    this.scoredMemory += sign * requests.scoredMemory;
    const owner = ownerUid(pod);
    if (owner !== undefined) count(this.ownerCounts, owner, sign);
    for (const { address, protocol, port } of hostPortsOf(pod)) {
      count(this.#ports, `${address} ${protocol} ${port}`, sign);
    }
  }
}

function count(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + change;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}

/** The uid of the owner that controls the pod. */
export function ownerUid(pod: Pod): string | undefined {
  return pod.metadata?.ownerReferences?.find((owner) => owner.controller === true)?.uid;
}

const anyAddress = '0.0.0.0';

export function hostPortsOf(pod: Pod): { address: string; protocol: string; port: number }[] {
  const result: { address: string; protocol: string; port: number }[] = [];
  for (const container of pod.spec?.containers ?? []) {
    for (const { hostPort = 0, hostIP, protocol = 'TCP' } of container.ports ?? []) {
      if (hostPort > 0)
        result.push({
          address: hostIP === undefined || hostIP === '' ? anyAddress : hostIP,
          protocol,
          port: hostPort,
        });
    }
  }
  return result;
}

type Quantities = Readonly<Record<string, string | number>> | undefined;

function amountsOf(quantities: Quantities): ResourceAmounts {
  const amounts: ResourceAmounts = { cpu: 0, memory: 0, others: new Map() };
  for (const [name, quantity] of Object.entries(quantities ?? {})) {
    if (name === 'cpu') amounts.cpu = quantityMilli(quantity);
    else if (name === 'memory') amounts.memory = quantityValue(quantity);
    else amounts.others.set(name, quantityValue(quantity));
  }
  return amounts;
}

function allocatableOf(node: Node): ResourceAmounts & { pods: number } {
  const quantities = node.status?.allocatable ?? node.status?.capacity;
  const amounts = amountsOf(quantities);
  const pods = amounts.others.get('pods') ?? 110;
  amounts.others.delete('pods');
  return { ...amounts, pods };
}

function add(total: ResourceAmounts, amounts: ResourceAmounts, sign: 1 | -1): void {
  total.cpu += sign * amounts.cpu;
  total.memory += sign * amounts.memory;
  for (const [name, amount] of amounts.others)
    total.others.set(name, (total.others.get(name) ?? 0) + sign * amount);
}

function raise(total: ResourceAmounts, floor: ResourceAmounts): void {
  total.cpu = Math.max(total.cpu, floor.cpu);
  total.memory = Math.max(total.memory, floor.memory);
  for (const [name, amount] of floor.others)
    total.others.set(name, Math.max(total.others.get(name) ?? 0, amount));
}
