/** The rules of what an autoscaler looks at: of each metric one source, and of each source one target. */
import type { CrossVersionObjectReference, MetricSpec, MetricTarget } from '../generated/types.ts';
import { checkDns1123Label, checkPathSegment } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, invalidBy, positive } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { containerResourceName } from './resources.ts';

/** Where each type of metric says what it means; in the order in which upstream looks. */
const SOURCES = [
  ['Object', 'object'],
  ['External', 'external'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
  ['ContainerResource', 'containerResource'],
] as const;
const TYPES = SOURCES.map(([type]): string => type).sort();

export function validateMetrics(list: readonly MetricSpec[], path: string): FieldError[] {
  return list.flatMap((metric, i) => metricSpec(metric, `${path}[${i}]`));
}

function metricSpec(metric: MetricSpec, at: string): FieldError[] {
  const type: string = metric.type ?? '';
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${at}.type`, 'must specify a metric source type'));
  if (!TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, TYPES));
  const given = SOURCES.map(([, name]) => name).filter((name) => metric[name] !== undefined);
  const [first] = given;
  if (first !== undefined) errors.push(...source(metric, first, `${at}.${first}`));
  const expected = SOURCES.find(([one]) => one === type)?.[1];
  if (expected !== undefined && metric[expected] === undefined)
    errors.push(required(`${at}.${expected}`, 'must populate information for the given metric source'));
  if (given.length !== 1)
    for (const name of given)
      if (name !== expected)
        errors.push(forbidden(`${at}.${name}`, 'must populate the given metric source only'));
  return errors;
}

function source(metric: MetricSpec, name: (typeof SOURCES)[number][1], at: string): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  if (name === 'object' && object !== undefined)
    return [
      ...scaled(object.describedObject, `${at}.describedObject`),
      ...identified(object.metric, `${at}.metric`),
      ...targetOf(object.target, `${at}.target`, 'must set either a target value or averageValue'),
    ];
  if (name === 'external' && external !== undefined) {
    const errors = [
      ...identified(external.metric, `${at}.metric`),
      ...targetOf(
        external.target,
        `${at}.target`,
        'must set either a target value for metric or a per-pod target',
      ),
    ];
    if (external.target?.value !== undefined && external.target.averageValue !== undefined)
      errors.push(
        forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target'),
      );
    return errors;
  }
  if (name === 'pods' && pods !== undefined) {
    const errors = [...identified(pods.metric, `${at}.metric`), ...targetOf(pods.target, `${at}.target`)];
    if (pods.target?.averageValue === undefined)
      errors.push(required(`${at}.target.averageValue`, 'must specify a positive target averageValue'));
    return errors;
  }
  const counted = name === 'resource' ? resource : containerResource;
  const errors = counted?.name ? [] : [required(`${at}.name`, 'must specify a resource name')];
  if (containerResource !== undefined && name === 'containerResource') {
    if (containerResource.name) errors.push(...containerResourceName(`${at}.name`, containerResource.name));
    const { container } = containerResource;
    errors.push(
      ...(container
        ? invalidBy(checkDns1123Label(container), `${at}.container`, container)
        : [required(`${at}.container`, 'must specify a container')]),
    );
  }
  return [...errors, ...usage(counted?.target, `${at}.target`)];
}

function scaled(reference: CrossVersionObjectReference | undefined, at: string): FieldError[] {
  return (['kind', 'name'] as const).flatMap((field) =>
    checkName(`${at}.${field}`, reference?.[field], checkPathSegment),
  );
}

function identified(metric: { readonly name?: string } | undefined, at: string): FieldError[] {
  const name = metric?.name ?? '';
  return name === ''
    ? [required(`${at}.name`, 'must specify a metric name')]
    : invalidBy(checkPathSegment(name), `${at}.name`, name);
}

const TARGETS = ['Utilization', 'Value', 'AverageValue'];

/** `needsValue` is what is said when neither a value nor an average is there. */
function targetOf(target: MetricTarget | undefined, at: string, needsValue?: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization }: Partial<MetricTarget> = target ?? {};
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${at}.type`, 'must specify a metric target type'));
  if (!TARGETS.includes(type))
    errors.push(invalid(`${at}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  if (value !== undefined && compareQuantities(value, '0') <= 0)
    errors.push(invalid(`${at}.value`, value, 'must be positive'));
  if (averageValue !== undefined && compareQuantities(averageValue, '0') <= 0)
    errors.push(invalid(`${at}.averageValue`, averageValue, 'must be positive'));
  errors.push(...positive(`${at}.averageUtilization`, averageUtilization));
  if (needsValue !== undefined && value === undefined && averageValue === undefined)
    errors.push(required(`${at}.averageValue`, needsValue));
  return errors;
}

/** Of a resource: its share or its amount. */
function usage(target: MetricTarget | undefined, at: string): FieldError[] {
  const errors = targetOf(target, at);
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined)
    errors.push(
      required(`${at}.averageUtilization`, 'must set either a target raw value or a target utilization'),
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.push(
      forbidden(`${at}.averageValue`, 'may not set both a target raw value and a target utilization'),
    );
  return errors;
}
