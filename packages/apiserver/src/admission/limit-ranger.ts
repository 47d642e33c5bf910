/**
 * LimitRanger: containers get the default requests and limits of their namespace, and containers, pods and claims stay
 * within its bounds. All violations are told at once, in upstream's words.
 */
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '@timonier/api';
import { aggregated } from '@timonier/api/statuses';
import { addQuantities, compareQuantities, quantityMilli, quantityValue } from '@timonier/api/quantity';
import { cachedObjects } from './cached.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';

type Amounts = Readonly<Record<string, string>>;

interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

const annotation = 'kubernetes.io/limit-ranger';

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods', '/pods/resize', '/persistentvolumeclaims'],
  admit(request) {
    if (isPod(request) && isBounded(request)) setDefaults(request.object as Pod, itemsFor(request));
  },
  validate(request) {
    if (!isBounded(request)) return;
    const items = itemsFor(request);
    if (items.length === 0) return;
    const problems = isPod(request)
      ? podProblems(request.object as Pod, items)
      : claimProblems(request.object as PersistentVolumeClaim, items);
    // What several containers have in common is told once.
    if (problems.length > 0) throw refusal(request, aggregated([...new Set(problems)]));
  },
};

function isBounded(request: AdmissionRequest): boolean {
  const { operation, context, old } = request;
  // What is going may finish going, whatever the bounds are now.
  if (old?.metadata?.deletionTimestamp !== undefined) return false;
  // The resources of a pod change in place by a resize, and by no other update.
  return !isPod(request) || operation === 'CREATE' || context.target.subresource === 'resize';
}

function isPod({ context }: AdmissionRequest): boolean {
  return context.target.info.resource === 'pods';
}

function itemsFor(request: AdmissionRequest): readonly LimitRangeItem[] {
  const { server, target } = request.context;
  return cachedObjects<LimitRange>(server, 'limitranges', target.namespace).flatMap(
    ({ spec }) => spec?.limits ?? [],
  );
}

function setDefaults({ spec, metadata }: Pod, items: readonly LimitRangeItem[]): void {
  const defaults = items.filter(({ type }) => type === 'Container');
  if (spec === undefined || metadata === undefined || defaults.length === 0) return;
  const limits = Object.assign({}, ...defaults.map((item) => item.default ?? {})) as Amounts;
  const requests = Object.assign({}, ...defaults.map((item) => item.defaultRequest ?? {})) as Amounts;
  const notes: string[] = [];
  const complete = (container: Container, kind: string): void => {
    for (const [field, amounts] of [
      ['requests', requests],
      ['limits', limits],
    ] as const) {
      const present = container.resources?.[field] ?? {};
      const missing = Object.keys(amounts).filter((name) => present[name] === undefined);
      if (missing.length === 0) continue;
      const added = Object.fromEntries(missing.map((name) => [name, amounts[name] ?? '']));
      container.resources = { ...container.resources, [field]: { ...present, ...added } };
      notes.push(`${missing.toSorted().join(', ')} ${field.slice(0, -1)} for ${kind} ${container.name}`);
    }
  };
  for (const container of spec.containers) complete(container, 'container');
  for (const container of spec.initContainers ?? []) complete(container, 'init container');
  if (notes.length > 0)
    metadata.annotations = {
      ...metadata.annotations,
      [annotation]: `LimitRanger plugin set: ${notes.join('; ')}`,
    };
}

function podProblems({ spec }: Pod, items: readonly LimitRangeItem[]): string[] {
  const containers = spec?.containers ?? [];
  const initContainers = spec?.initContainers ?? [];
  const whole = withOwn(usageOfPod(containers, initContainers), spec?.resources);
  return items.flatMap((item) => {
    if (item.type === 'Pod') return problemsOf(item, whole);
    if (item.type === 'Container')
      return [...containers, ...initContainers].flatMap((container) => problemsOf(item, usageOf(container)));
    return [];
  });
}

function claimProblems({ spec }: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const usage = { requests: spec?.resources?.requests ?? {}, limits: {} };
  return items
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...belowMinimum(item, usage),
      ...Object.entries(item.max ?? {}).flatMap(([name, max]) => {
        const rule = `maximum ${name} usage per ${item.type} is ${max}`;
        const request = usage.requests[name];
        if (request === undefined) return [`${rule}.  No request is specified`];
        return compareQuantities(request, max) > 0 ? [`${rule}, but request is ${request}`] : [];
      }),
    ]);
}

function usageOf({ resources }: Container): Usage {
  return { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} };
}

/**
 * Containers add up, and sidecars with them; those that run before, one after the other, count with the sidecars that were
 * started by then, when that is more than all the others together.
 */
function usageOfPod(containers: readonly Container[], initContainers: readonly Container[]): Usage {
  const combined = (field: keyof Usage): Amounts => {
    const total: Record<string, string> = {};
    const sidecars: Record<string, string> = {};
    const before: Record<string, string> = {};
    for (const container of containers) add(total, usageOf(container)[field]);
    for (const container of initContainers) {
      const own = usageOf(container)[field];
      const isSidecar = container.restartPolicy === 'Always';
      if (isSidecar) add(total, own);
      const running = isSidecar ? sidecars : { ...sidecars };
      add(running, own);
      raise(before, running);
    }
    raise(total, before);
    return total;
  };
  return { requests: combined('requests'), limits: combined('limits') };
}

function add(total: Record<string, string>, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts)) total[name] = addQuantities(total[name], amount);
}

function raise(total: Record<string, string>, amounts: Amounts): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const known = total[name];
    if (known === undefined || compareQuantities(amount, known) > 0) total[name] = amount;
  }
}

/** What a pod asks for as a whole counts for the sum of its containers. */
function withOwn(ofContainers: Usage, own: Partial<Usage> | undefined): Usage {
  return {
    requests: { ...ofContainers.requests, ...ofWhole(own?.requests) },
    limits: { ...ofContainers.limits, ...ofWhole(own?.limits) },
  };
}

function ofWhole(amounts: Amounts = {}): Amounts {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => name === 'cpu' || name === 'memory'));
}

function problemsOf(item: LimitRangeItem, usage: Usage): string[] {
  return [...belowMinimum(item, usage), ...aboveMaximum(item, usage), ...overRatio(item, usage)];
}

function belowMinimum({ type, min = {} }: LimitRangeItem, { requests, limits }: Usage): string[] {
  return Object.entries(min).flatMap(([name, bound]) => {
    const rule = `minimum ${name} usage per ${type} is ${bound}`;
    const request = requests[name];
    const limit = limits[name];
    if (request === undefined) return [`${rule}.  No request is specified`];
    if (compareQuantities(request, bound) < 0) return [`${rule}, but request is ${request}`];
    return limit !== undefined && compareQuantities(limit, bound) < 0
      ? [`${rule}, but limit is ${limit}`]
      : [];
  });
}

function aboveMaximum({ type, max = {} }: LimitRangeItem, { requests, limits }: Usage): string[] {
  return Object.entries(max).flatMap(([name, bound]) => {
    const rule = `maximum ${name} usage per ${type} is ${bound}`;
    const request = requests[name];
    const limit = limits[name];
    if (limit === undefined) return [`${rule}.  No limit is specified`];
    if (compareQuantities(limit, bound) > 0) return [`${rule}, but limit is ${limit}`];
    return request !== undefined && compareQuantities(request, bound) > 0
      ? [`${rule}, but request is ${request}`]
      : [];
  });
}

function overRatio(
  { type, maxLimitRequestRatio = {} }: LimitRangeItem,
  { requests, limits }: Usage,
): string[] {
  return Object.entries(maxLimitRequestRatio).flatMap(([name, bound]) => {
    const rule = `${name} max limit to request ratio per ${type} is ${bound}`;
    const request = requests[name];
    const limit = limits[name];
    if (request === undefined || compareQuantities(request, '0') === 0)
      return [`${rule}, but no request is specified or request is 0`];
    if (limit === undefined || compareQuantities(limit, '0') === 0)
      return [`${rule}, but no limit is specified or limit is 0`];
    // In thousandths where that is exact, so that fractions of a processor have a ratio.
    const measure = quantityValue(limit) > 1e9 ? quantityValue : quantityMilli;
    const ratio = measure(limit) / measure(request);
    return ratio > quantityMilli(bound) / 1_000 ? [`${rule}, but provided ratio is ${ratio.toFixed(6)}`] : [];
  });
}
