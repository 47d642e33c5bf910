/** What may change of a running pod through `resize`: processor time and memory, and neither is taken away. */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../generated/types.ts';
import { qualityOfService } from '../pod-quality.ts';
import { same } from './checks.ts';
import { forbidden, invalid, WHOLE, type FieldError } from './field-error.ts';
import { isMirror } from './pod-parts.ts';

export function validateResize(pod: Pod, old: Pod): FieldError[] {
  if (isMirror(old)) return [forbidden(WHOLE, 'static pods cannot be resized')];
  const [now, before] = [pod.spec, old.spec];
  if (now === undefined || before === undefined) return [];
  if (before.os?.name === 'windows') return [forbidden(WHOLE, 'windows pods cannot be resized')];
  const errors: FieldError[] = [];
  if (qualityOfService(now) !== qualityOfService(before))
    errors.push(
      invalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'),
    );
  if (!isSupported(old)) errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  errors.push(...removed(now.resources, before.resources, 'spec.resources'));
  // What follows counts on the same containers in the same order.
  const moved = [...reordered(now, before, 'containers'), ...reordered(now, before, 'initContainers')];
  if (moved.length > 0) return [...errors, ...moved];
  for (const list of ['initContainers', 'containers'] as const)
    for (const [i, container] of (now[list] ?? []).entries())
      errors.push(
        ...removed(container.resources, before[list]?.[i]?.resources, `spec.${list}[${i}].resources`),
      );
  return [...errors, ...onlyAmounts(now, before)];
}

function reordered(now: PodSpec, before: PodSpec, list: 'containers' | 'initContainers'): FieldError[] {
  const [wanted, known] = [now[list] ?? [], before[list] ?? []];
  if (wanted.length !== known.length)
    return [forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)];
  return known.flatMap(({ name }, i) =>
    wanted[i]?.name === name
      ? []
      : [forbidden(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`)],
  );
}

/** A kubelet that can resize says what its running containers have. */
function isSupported({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

function removed(
  now: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
  at: string,
): FieldError[] {
  return (['requests', 'limits'] as const).flatMap((list) => {
    const isGone = Object.keys(before?.[list] ?? {}).some((name) => now?.[list]?.[name] === undefined);
    return isGone ? [forbidden(`${at}.${list}`, `resource ${list} cannot be removed`)] : [];
  });
}

function onlyAmounts(now: PodSpec, before: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, container] of now.containers.entries())
    if (!same(withoutAmounts(container), withoutAmounts(before.containers[i])))
      errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  for (const [i, container] of (now.initContainers ?? []).entries()) {
    const [at, was] = [`spec.initContainers[${i}]`, before.initContainers?.[i]];
    if (!same(withoutAmounts(container), withoutAmounts(was)))
      errors.push(forbidden(at, 'only cpu and memory resources for init or sidecar containers are mutable'));
    const restarts = container.resizePolicy?.some(
      ({ restartPolicy }) => restartPolicy === 'RestartContainer',
    );
    if (container.restartPolicy !== 'Always' && restarts === true && !same(container, was))
      errors.push(
        forbidden(
          at,
          'non-sidecar init containers with a resize policy of RestartContainer cannot be resized',
        ),
      );
  }
  if (errors.length === 0 && !same(rest(now), rest(before)))
    errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  return errors;
}

function withoutAmounts(container: Container | undefined): unknown {
  const { resources, ...others } = container ?? {};
  return { ...others, resources: fixedAmounts(resources) };
}

function fixedAmounts(resources: ResourceRequirements | undefined): unknown {
  const fixed = (amounts: Readonly<Record<string, string>> = {}): unknown => {
    const { cpu: _cpu, memory: _memory, ...others } = amounts;
    return others;
  };
  return {
    limits: fixed(resources?.limits),
    requests: fixed(resources?.requests),
    claims: resources?.claims,
  };
}

function rest({ containers: _containers, initContainers: _init, resources, ...others }: PodSpec): unknown {
  return { ...others, resources: fixedAmounts(resources) };
}
