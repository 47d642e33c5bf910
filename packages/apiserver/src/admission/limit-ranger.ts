/**
 * LimitRanger: containers get the default requests and limits of their namespace, and containers, pods and claims stay
 * within its bounds. All violations are told at once, in upstream's words.
 */
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '@timonier/api';
import { aggregated } from '@timonier/api/statuses';
import { addQuantities, compareQuantities, quantityMilli, quantityValue } from '@timonier/api/quantity';
import { cachedObjects } from './cached.ts';
import { isMirrorPod } from './mirror-pods.ts';
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
  resources: ['/pods', '/persistentvolumeclaims'],
  admit(request) {
    if (request.operation === 'CREATE' && isPod(request))
      setDefaults(request.object as Pod, itemsFor(request));
  },
  validate(request) {
    // The resources of a pod do not change in an ordinary update.
    if (isPod(request) && request.operation !== 'CREATE') return;
    const items = itemsFor(request);
    if (items.length === 0) return;
    const problems = isPod(request)
      ? podProblems(request.object as Pod, items)
      : claimProblems(request.object as PersistentVolumeClaim, items);
    // What several containers have in common is told once.
    if (problems.length > 0) throw refusal(request, aggregated([...new Set(problems)]));
  },
};

function isPod({ context }: AdmissionRequest): boolean {
  return context.target.info.resource === 'pods';
}

function itemsFor(request: AdmissionRequest): readonly LimitRangeItem[] {
  if (isMirrorPod(request)) return [];
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
      ...Object.entries(item.max ?? {})
        .filter(([name, max]) => compareQuantities(usage.requests[name], max) > 0)
        .map(
          ([name, max]) =>
            `maximum ${name} usage per ${item.type} is ${max}, but request is ${usage.requests[name] ?? ''}`,
        ),
    ]);
}

function usageOf({ resources }: Container): Usage {
  return { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} };
}

/** Containers add up; those that run before them, one after the other, count when one needs more than all of these. */
function usageOfPod(containers: readonly Container[], initContainers: readonly Container[]): Usage {
  const combined = (field: keyof Usage): Amounts => {
    const total: Record<string, string> = {};
    const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
    for (const container of [...containers, ...sidecars])
      for (const [name, amount] of Object.entries(usageOf(container)[field]))
        total[name] = addQuantities(total[name], amount);
    for (const container of initContainers)
      for (const [name, amount] of Object.entries(usageOf(container)[field]))
        if (compareQuantities(amount, total[name]) > 0) total[name] = amount;
    return total;
  };
  return { requests: combined('requests'), limits: combined('limits') };
}

/** What a pod asks for as a whole counts for the sum of its containers. */
function withOwn(ofContainers: Usage, own: Partial<Usage> | undefined): Usage {
  return {
    requests: { ...ofContainers.requests, ...own?.requests },
    limits: { ...ofContainers.limits, ...own?.limits },
  };
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
