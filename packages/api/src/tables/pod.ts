/** The row of a pod: its status in one word is found from conditions, phase and every container's state. */
import type { ContainerStatus, Pod } from '../generated/types.ts';
import { orNone, since, type Cell } from './cell.ts';

function isTrue(pod: Pod, condition: string): boolean {
  return pod.status?.conditions?.some((c) => c.type === condition && c.status === 'True') ?? false;
}

function terminationReason(status: ContainerStatus): string | undefined {
  const ended = status.state?.terminated;
  if (ended === undefined) return undefined;
  if (ended.reason) return ended.reason;
  return ended.signal ? `Signal:${ended.signal}` : `ExitCode:${ended.exitCode}`;
}

/** Restart counts and the time of the latest restart, over some containers. */
class Restarts {
  count = 0;
  latest = '';
  add(status: ContainerStatus): void {
    this.count += status.restartCount;
    const finished = status.lastState?.terminated?.finishedAt ?? '';
    if (finished > this.latest) this.latest = finished;
  }
}

interface Summary {
  reason: string;
  ready: number;
  total: number;
  restarts: Restarts;
}

function summarize(pod: Pod): Summary {
  const status = pod.status ?? {};
  const initContainers = pod.spec?.initContainers ?? [];
  const isSidecar = (name: string): boolean =>
    initContainers.some((c) => c.name === name && c.restartPolicy === 'Always');
  const restarts = new Restarts();
  const sidecarRestarts = new Restarts();
  const out: Summary = {
    reason: status.reason || status.phase || 'Unknown',
    ready: 0,
    total: (pod.spec?.containers ?? []).length + initContainers.filter((c) => isSidecar(c.name)).length,
    restarts,
  };
  if (status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) {
    out.reason = 'SchedulingGated';
  }
  let initializing = false;
  for (const [i, container] of (status.initContainerStatuses ?? []).entries()) {
    restarts.add(container);
    const sidecar = isSidecar(container.name);
    if (sidecar) sidecarRestarts.add(container);
    const ended = container.state?.terminated;
    if (ended !== undefined && ended.exitCode === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) out.ready += 1;
      continue;
    }
    const waiting = container.state?.waiting?.reason;
    if (ended !== undefined) out.reason = `Init:${terminationReason(container)}`;
    else if (waiting && waiting !== 'PodInitializing') out.reason = `Init:${waiting}`;
    else out.reason = `Init:${i}/${initContainers.length}`;
    initializing = true;
    break;
  }
  if (!initializing || isTrue(pod, 'Initialized')) {
    out.restarts = sidecarRestarts;
    let running = false;
    for (const container of [...(status.containerStatuses ?? [])].reverse()) {
      out.restarts.add(container);
      const waiting = container.state?.waiting?.reason;
      const ended = terminationReason(container);
      if (waiting) out.reason = waiting;
      else if (ended !== undefined) out.reason = ended;
      else if (container.ready && container.state?.running) {
        running = true;
        out.ready += 1;
      }
    }
    if (out.reason === 'Completed' && running) out.reason = isTrue(pod, 'Ready') ? 'Running' : 'NotReady';
  }
  if (pod.metadata?.deletionTimestamp) {
    if (status.reason === 'NodeLost') out.reason = 'Unknown';
    else if (status.phase !== 'Failed' && status.phase !== 'Succeeded') out.reason = 'Terminating';
  }
  return out;
}

export function podRow(pod: Pod, now: number): Readonly<Record<string, Cell>> {
  const { reason, ready, total, restarts } = summarize(pod);
  const gates = pod.spec?.readinessGates ?? [];
  const open = gates.filter((gate) => isTrue(pod, gate.conditionType)).length;
  return {
    Name: pod.metadata?.name ?? '',
    Ready: `${ready}/${total}`,
    Status: reason,
    Restarts:
      restarts.count !== 0 && restarts.latest !== ''
        ? `${restarts.count} (${since(restarts.latest, now)} ago)`
        : `${restarts.count}`,
    Age: since(pod.metadata?.creationTimestamp, now),
    IP: orNone(pod.status?.podIPs?.[0]?.ip || pod.status?.podIP),
    Node: orNone(pod.spec?.nodeName),
    'Nominated Node': orNone(pod.status?.nominatedNodeName),
    'Readiness Gates': gates.length === 0 ? orNone('') : `${open}/${gates.length}`,
  };
}
