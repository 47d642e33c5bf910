/**
 * What an autoscaler goes by, in the shape that autoscaling/v1 has for it: one field for the processors, and two
 * annotations for all other metrics and for its pace. The metrics there have the words of that version, the pace those of
 * the structures that upstream keeps it in.
 *
 * Pure. Source: the conversions of autoscaling/v1 in Kubernetes.
 */
import { decodeStrict } from './decode.ts';
import { registry } from './registry.ts';

export const METRICS_WANTED = 'autoscaling.alpha.kubernetes.io/metrics';
export const PACE_WANTED = 'autoscaling.alpha.kubernetes.io/behavior';

type Fields = Readonly<Record<string, unknown>>;

/** Each kind of metric, to the words of v1 and back, in the order in which they are written. */
const sources: Readonly<
  Record<string, readonly [old: (metric: Fields) => Fields, now: (metric: Fields) => Fields]>
> = {
  object: [
    (metric) => ({
      target: referenceOf(metric['describedObject']),
      ...identityToOld(metric, 'targetValue', fieldsOf(metric['target'])['value'] ?? '0'),
      averageValue: fieldsOf(metric['target'])['averageValue'],
    }),
    ({ target, metricName, selector, targetValue, averageValue }) => ({
      describedObject: target,
      metric: { name: metricName, selector },
      target:
        averageValue === undefined
          ? { type: 'Value', value: targetValue }
          : { type: 'AverageValue', value: targetValue === '0' ? undefined : targetValue, averageValue },
    }),
  ],
  pods: [
    (metric) =>
      identityToOld(metric, 'targetAverageValue', fieldsOf(metric['target'])['averageValue'] ?? '0'),
    ({ metricName, selector, targetAverageValue }) => ({
      metric: { name: metricName, selector },
      target: { type: 'AverageValue', averageValue: targetAverageValue },
    }),
  ],
  resource: [resourceToOld, resourceFromOld],
  containerResource: [
    (metric) => ({ ...resourceToOld(metric), container: metric['container'] }),
    (metric) => ({ ...resourceFromOld(metric), container: metric['container'] }),
  ],
  external: [
    (metric) => {
      const { name, selector } = fieldsOf(metric['metric']);
      const { value, averageValue } = fieldsOf(metric['target']);
      return {
        metricName: name,
        metricSelector: selector,
        targetValue: value,
        targetAverageValue: averageValue,
      };
    },
    ({ metricName, metricSelector, targetValue, targetAverageValue }) => ({
      metric: { name: metricName, selector: metricSelector },
      target: {
        type: targetValue === undefined ? 'AverageValue' : 'Value',
        value: targetValue,
        averageValue: targetAverageValue,
      },
    }),
  ],
};

function identityToOld(metric: Fields, field: string, value: unknown): Fields {
  const { name, selector } = fieldsOf(metric['metric']);
  return { metricName: name, [field]: value, selector };
}

function referenceOf(described: unknown): Fields {
  const { kind, name, apiVersion } = fieldsOf(described);
  return { kind, name, apiVersion };
}

function resourceToOld(metric: Fields): Fields {
  const { averageUtilization, averageValue } = fieldsOf(metric['target']);
  return {
    name: metric['name'],
    targetAverageUtilization: averageUtilization,
    targetAverageValue: averageValue,
  };
}

function resourceFromOld({
  name,
  targetAverageUtilization: utilization,
  targetAverageValue,
}: Fields): Fields {
  return {
    name,
    target: {
      type: utilization === undefined ? 'AverageValue' : 'Utilization',
      averageUtilization: utilization,
      averageValue: targetAverageValue,
    },
  };
}

/** The one kind of metric that v1 has a field for. */
export function isProcessorsShare(metric: unknown): boolean {
  return processorsShare(metric) !== undefined;
}

function processorsShare(metric: unknown): unknown {
  const { type, resource } = fieldsOf(metric);
  const { name, target } = fieldsOf(resource);
  return type === 'Resource' && name === 'cpu' ? fieldsOf(target)['averageUtilization'] : undefined;
}

/** What v1 says of metrics and pace: its own field, and the annotations. */
export function wantedInOld({ metrics, behavior }: { metrics?: unknown; behavior?: unknown }): {
  readonly percentage: unknown;
  readonly annotations: Record<string, string>;
} {
  const all = listOf(metrics);
  const others = all.filter((metric) => !isProcessorsShare(metric)).map((metric) => inWords(metric, 0));
  return {
    percentage: all.map(processorsShare).find((share) => share !== undefined),
    annotations: {
      ...(others.length === 0 ? {} : { [METRICS_WANTED]: JSON.stringify(others) }),
      ...(behavior === undefined ? {} : { [PACE_WANTED]: JSON.stringify(paceToOld(fieldsOf(behavior))) }),
    },
  };
}

/** The metrics and the pace that v1 says: nothing of what anybody may have written and nobody can read. */
export function wantedFrom(annotations: Readonly<Record<string, string>>, percentage: unknown): Fields {
  const others = metricsIn(annotations[METRICS_WANTED]) ?? [];
  const target = { type: 'Utilization', averageUtilization: percentage };
  const own = percentage === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', target } }];
  const metrics = [...others, ...own];
  const behavior = paceIn(annotations[PACE_WANTED]);
  return {
    ...(metrics.length === 0 ? {} : { metrics }),
    ...(behavior === undefined ? {} : { behavior }),
  };
}

/** Undefined for what is no list of metrics. */
function metricsIn(text: string | undefined): readonly unknown[] | undefined {
  const value = parsed(text);
  if (!Array.isArray(value) || !value.every(isMetric)) return undefined;
  const metrics = value.map((metric) => inWords(fieldsOf(metric), 1));
  return metrics.length === 0 ? [] : (decoded(() => ({ metrics }))?.['metrics'] as unknown[] | undefined);
}

/** Null is one of which nothing is said. */
function isMetric(value: unknown): boolean {
  return typeof value === 'object' && !Array.isArray(value);
}

function paceIn(text: string | undefined): unknown {
  const behavior = decoded(() => ({ behavior: inCamelCase(parsed(text)) }))?.['behavior'];
  return Object.keys(fieldsOf(behavior)).length === 0 ? undefined : behavior;
}

/** Undefined for what is no such specification, or is nested too deeply to be read as one. */
function decoded(specOf: () => Fields): Fields | undefined {
  const info = registry.lookup('autoscaling', 'v2', 'horizontalpodautoscalers');
  if (info === undefined) return undefined;
  try {
    const { object } = decodeStrict(info, { apiVersion: 'autoscaling/v2', kind: info.kind, spec: specOf() });
    return fieldsOf(object['spec']);
  } catch {
    return undefined;
  }
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function inWords(metric: Fields, way: 0 | 1): Fields {
  const result: Record<string, unknown> = { type: metric['type'] };
  for (const [name, ways] of Object.entries(sources))
    if (metric[name] !== undefined && metric[name] !== null) result[name] = ways[way](fieldsOf(metric[name]));
  return result;
}

function paceToOld({ scaleUp, scaleDown }: Fields): Fields {
  return { ScaleUp: rulesToOld(scaleUp), ScaleDown: rulesToOld(scaleDown) };
}

function rulesToOld(rules: unknown): Fields | null {
  if (rules === undefined) return null;
  const {
    stabilizationWindowSeconds: window = null,
    selectPolicy = null,
    policies,
    tolerance,
  } = fieldsOf(rules);
  return {
    StabilizationWindowSeconds: window,
    SelectPolicy: selectPolicy,
    Policies:
      policies === undefined
        ? null
        : listOf(policies).map(({ type, value, periodSeconds }) => ({
            Type: type,
            Value: value,
            PeriodSeconds: periodSeconds,
          })),
    Tolerance: tolerance ?? null,
  };
}

/** Names of fields as the API has them, whichever of the two forms they came in. */
function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      `${name.charAt(0).toLowerCase()}${name.slice(1)}`,
      inCamelCase(field),
    ]),
  );
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
