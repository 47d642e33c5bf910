/**
 * What became of an autoscaler, in the shape that autoscaling/v1 has for it: two annotations carry the conditions and the
 * metrics, in the words of that version, so that who writes through it takes nothing away.
 *
 * Source: the conversions of autoscaling/v1 in Kubernetes.
 */
import { decodeStrict } from './decode.ts';
import { registry } from './registry.ts';

export const METRICS_SEEN = 'autoscaling.alpha.kubernetes.io/current-metrics';
export const CONDITIONS_SEEN = 'autoscaling.alpha.kubernetes.io/conditions';

type Fields = Readonly<Record<string, unknown>>;
export interface SeenStatus extends Fields {
  readonly conditions?: readonly Fields[];
  readonly currentMetrics?: readonly Fields[];
}

/** Each kind of metric, to the words of v1 and back. What v1 always has is zero where it is not known. */
const metricsOf: Readonly<
  Record<string, readonly [old: (metric: Fields) => Fields, now: (metric: Fields) => Fields]>
> = {
  resource: [resourceToOld, resourceFromOld],
  containerResource: [
    (metric) => ({ ...resourceToOld(metric), container: metric['container'] }),
    (metric) => ({ ...resourceFromOld(metric), container: metric['container'] }),
  ],
  pods: [
    (metric) => ({
      metricName: fieldsOf(metric['metric'])['name'],
      currentAverageValue: fieldsOf(metric['current'])['averageValue'] ?? '0',
      selector: fieldsOf(metric['metric'])['selector'],
    }),
    ({ metricName, selector, currentAverageValue }) => ({
      metric: { name: metricName, selector },
      current: { averageValue: currentAverageValue },
    }),
  ],
  object: [
    (metric) => ({
      target: metric['describedObject'],
      metricName: fieldsOf(metric['metric'])['name'],
      currentValue: fieldsOf(metric['current'])['value'] ?? '0',
      selector: fieldsOf(metric['metric'])['selector'],
      averageValue: fieldsOf(metric['current'])['averageValue'],
    }),
    ({ target, metricName, selector, currentValue, averageValue }) => ({
      describedObject: target,
      metric: { name: metricName, selector },
      current: { value: currentValue, averageValue },
    }),
  ],
  external: [
    (metric) => ({
      metricName: fieldsOf(metric['metric'])['name'],
      metricSelector: fieldsOf(metric['metric'])['selector'],
      currentValue: fieldsOf(metric['current'])['value'] ?? '0',
      currentAverageValue: fieldsOf(metric['current'])['averageValue'],
    }),
    ({ metricName, metricSelector, currentValue, currentAverageValue }) => ({
      metric: { name: metricName, selector: metricSelector },
      current: { value: currentValue, averageValue: currentAverageValue },
    }),
  ],
};

function resourceToOld(metric: Fields): Fields {
  const { averageUtilization, averageValue = '0' } = fieldsOf(metric['current']);
  return {
    name: metric['name'],
    currentAverageUtilization: averageUtilization,
    currentAverageValue: averageValue,
  };
}

function resourceFromOld({ name, currentAverageUtilization, currentAverageValue }: Fields): Fields {
  return {
    name,
    current: { averageUtilization: currentAverageUtilization, averageValue: currentAverageValue },
  };
}

/** The annotations that carry a status. */
export function seenAnnotations({
  conditions = [],
  currentMetrics = [],
}: SeenStatus): Record<string, string> {
  const each = conditions.map(({ type, status, lastTransitionTime = null, reason, message }) => ({
    type,
    status,
    lastTransitionTime,
    reason: reason === '' ? undefined : reason,
    message: message === '' ? undefined : message,
  }));
  const metrics = currentMetrics.map((metric) => inWords(metric, 0));
  return {
    ...(metrics.length === 0 ? {} : { [METRICS_SEEN]: JSON.stringify(metrics) }),
    ...(each.length === 0 ? {} : { [CONDITIONS_SEEN]: JSON.stringify(each) }),
  };
}

/** What v1 shows of the metrics itself: how busy the processors are, of several the last. */
export function seenUtilization({ currentMetrics = [] }: SeenStatus): unknown {
  const known = currentMetrics
    .filter(({ type, resource }) => type === 'Resource' && fieldsOf(resource)['name'] === 'cpu')
    .map(({ resource }) => fieldsOf(fieldsOf(resource)['current'])['averageUtilization']);
  return known.findLast((percentage) => percentage !== undefined);
}

/** The status that annotations carry; nothing of one that anybody may have written and nobody can read. */
export function statusFrom(annotations: Readonly<Record<string, string>>, percentage: unknown): SeenStatus {
  const cpu = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: percentage } } };
  const metrics = listIn(annotations[METRICS_SEEN])?.map((metric) => inWords(metric, 1));
  const currentMetrics = metrics ?? (percentage === undefined ? [] : [cpu]);
  return {
    ...readable('currentMetrics', currentMetrics),
    ...readable('conditions', listIn(annotations[CONDITIONS_SEEN])),
  };
}

function readable(field: string, list: readonly Fields[] | undefined): Fields {
  const info = registry.lookup('autoscaling', 'v2', 'horizontalpodautoscalers');
  if (info === undefined || list === undefined || list.length === 0) return {};
  try {
    const { object } = decodeStrict(info, {
      apiVersion: 'autoscaling/v2',
      kind: info.kind,
      status: { [field]: list },
    });
    return { [field]: fieldsOf(object['status'])[field] };
  } catch {
    return {};
  }
}

function inWords(metric: Fields, way: 0 | 1): Fields {
  const result: Record<string, unknown> = { type: metric['type'] };
  for (const [name, ways] of Object.entries(metricsOf))
    if (metric[name] !== undefined && metric[name] !== null) result[name] = ways[way](fieldsOf(metric[name]));
  return result;
}

function listIn(text: string | undefined): Fields[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(fieldsOf) : undefined;
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
