/**
 * What a pod as a whole requests and may use, by upstream's rules: containers add up with their sidecars; a container
 * that runs before them counts, with the sidecars that started ahead of it, where that is more; what the pod says as a
 * whole stands for the sum; overhead comes on top. While a container is being resized, the larger of what it asks for
 * and what it still has counts.
 */
import type { Container, ContainerStatus, Pod, PodSpec } from './generated/types.ts';
import { compareQuantities } from './quantity.ts';
import { add, type Amounts, largest } from './quota/amounts.ts';

/** Amounts that a pod may name as a whole. */
const wholePod = /^(cpu|memory|hugepages-.+)$/;

export function podRequests(pod: Pod): Amounts {
  const summed = combined(pod, (container, status) => {
    const wanted = container.resources?.requests ?? {};
    if (status === undefined) return wanted;
    const held = largest(status.resources?.requests ?? {}, status.allocatedResources ?? {});
    return isInfeasible(pod) ? { ...wanted, ...held } : largest(wanted, held);
  });
  return add({ ...summed, ...stated(pod.spec?.resources?.requests) }, pod.spec?.overhead ?? {});
}

/** What the containers of a pod request together, as long as none is being resized. */
export function containerRequests(spec: PodSpec): Amounts {
  return combined({ spec }, ({ resources }) => resources?.requests ?? {});
}

export function podLimits(pod: Pod): Amounts {
  const summed = combined(pod, (container, status) => {
    const wanted = container.resources?.limits ?? {};
    if (status?.resources === undefined) return wanted;
    const held = status.resources.limits ?? {};
    return isInfeasible(pod) ? { ...wanted, ...held } : largest(wanted, held);
  });
  const limits: Record<string, string> = { ...summed, ...stated(pod.spec?.resources?.limits) };
  // What is not limited stays so.
  const limited = Object.entries(pod.spec?.overhead ?? {}).filter(
    ([name]) => Object.hasOwn(limits, name) && compareQuantities(limits[name], '0') !== 0,
  );
  return add(limits, Object.fromEntries(limited));
}

function stated(amounts: Amounts | undefined): Amounts {
  return Object.fromEntries(Object.entries(amounts ?? {}).filter(([name]) => wholePod.test(name)));
}

type AmountsOf = (container: Container, status: ContainerStatus | undefined) => Amounts;

function combined({ spec, status }: Pod, amountsOf: AmountsOf): Amounts {
  const statuses = new Map(
    [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((one) => [
      one.name,
      one,
    ]),
  );
  let running: Amounts = {};
  for (const container of spec?.containers ?? [])
    running = add(running, amountsOf(container, statuses.get(container.name)));
  let sidecars: Amounts = {};
  let starting: Amounts = {};
  for (const container of spec?.initContainers ?? []) {
    const isSidecar = container.restartPolicy === 'Always';
    // What runs to its end before the others cannot be resized.
    const own = amountsOf(container, isSidecar ? statuses.get(container.name) : undefined);
    if (isSidecar) {
      running = add(running, own);
      sidecars = add(sidecars, own);
      starting = largest(starting, sidecars);
    } else starting = largest(starting, add(own, sidecars));
  }
  return largest(running, starting);
}

function isInfeasible({ status }: Pod): boolean {
  return (status?.conditions ?? []).some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  );
}
