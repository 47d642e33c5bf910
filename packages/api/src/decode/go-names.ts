/**
 * How Go calls types and places, as clients know them from the errors of Kubernetes' decoder: which value cannot be put
 * into which field of which type. Pure.
 */
import { isBigInteger } from '../json.ts';
import type { Schema } from '../schema.ts';
import { DecodeError } from './decode-error.ts';

/** Where something is wrong. */
export interface Spot {
  /** The innermost message's short name. */
  readonly owner: string;
  /** Names of fields and indexes of items. */
  readonly place: readonly (string | number)[];
  /** What is decoded as a whole. */
  readonly root?: Schema;
}

const GO_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  time: 'string',
  microTime: 'string',
  duration: 'string',
  intOrString: 'int32',
  groupVersion: 'string',
};

/** Types with names of their own that no closed set of values tells, by message and field, and by group where more have such a message. */
const NAMED_TYPES: Readonly<Record<string, string>> = {
  'Device.attributes': 'map[v1.QualifiedName]v1.DeviceAttribute',
  'Validation.reason': 'v1.StatusReason',
  'flowcontrol.Subject.kind': 'v1.SubjectKind',
  'ObjectMeta.uid': 'types.UID',
  'ObjectReference.uid': 'types.UID',
  'CSIDriverSpec.volumeLifecycleModes': 'v1.VolumeLifecycleMode',
  'CSIDriverSpec.fsGroupPolicy': 'v1.FSGroupPolicy',
  'FlowDistinguisherMethod.type': 'v1.FlowDistinguisherMethodType',
  'PriorityLevelConfigurationSpec.type': 'v1.PriorityLevelEnablement',
  'LimitResponse.type': 'v1.LimitResponseType',
  'LimitRangeItem.type': 'v1.LimitType',
  'NodeAddress.type': 'v1.NodeAddressType',
  'NodeCondition.type': 'v1.NodeConditionType',
  'NodeCondition.status': 'v1.ConditionStatus',
  'NodeStatus.volumesInUse': 'v1.UniqueVolumeName',
  'Container.restartPolicy': 'v1.ContainerRestartPolicy',
  'VolumeMount.recursiveReadOnly': 'v1.RecursiveReadOnlyMode',
  'EmptyDirVolumeSource.medium': 'v1.StorageMedium',
  'Secret.type': 'v1.SecretType',
  'CustomResourceDefinitionSpec.scope': 'v1.ResourceScope',
  'JSONSchemaProps.$schema': 'v1.JSONSchemaURL',
  'LeaseSpec.strategy': 'v1.CoordinatedLeaseStrategy',
  'MetricSpec.type': 'v2.MetricSourceType',
  'MetricTarget.type': 'v2.MetricTargetType',
  'ResourceMetricSource.name': 'v1.ResourceName',
  'HPAScalingRules.selectPolicy': 'v2.ScalingPolicySelect',
  'LimitRangeItem.default': 'v1.ResourceList',
  'LimitRangeItem.defaultRequest': 'v1.ResourceList',
  'LimitRangeItem.max': 'v1.ResourceList',
  'LimitRangeItem.maxLimitRequestRatio': 'v1.ResourceList',
  'LimitRangeItem.min': 'v1.ResourceList',
  'NodeStatus.allocatable': 'v1.ResourceList',
  'NodeStatus.capacity': 'v1.ResourceList',
  'Overhead.podFixed': 'v1.ResourceList',
  'PersistentVolumeSpec.capacity': 'v1.ResourceList',
  'ResourceQuotaSpec.hard': 'v1.ResourceList',
  'ResourceRequirements.limits': 'v1.ResourceList',
  'ResourceRequirements.requests': 'v1.ResourceList',
  'VolumeResourceRequirements.limits': 'v1.ResourceList',
  'VolumeResourceRequirements.requests': 'v1.ResourceList',
};

/** What Go calls a value of JSON that is of a wrong kind. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The same for numbers, too, that are wrong for their value. */
export function jsonWord(value: unknown): string {
  if (isBigInteger(value)) return `number ${value.rawJSON}`;
  return typeof value === 'number' && !Number.isInteger(value) ? `number ${value}` : jsonKind(value);
}

function goType(schema: Schema): string {
  if (schema.kind === 'list') return `[]${goType(schema.items as Schema)}`;
  if (schema.kind === 'map') return `map[string]${goType(schema.values as Schema)}`;
  if (schema.enumName !== undefined) return schema.enumName.split('.').slice(-2).join('.');
  if (schema.kind === 'scalar') return GO_TYPES[schema.scalar ?? ''] ?? 'string';
  return schema.message?.split('.').slice(-2).join('.') ?? 'object';
}

/** What a wrong value is called, where it stands, and what should be there. */
export function wrongType(schema: Schema, value: unknown, at: Spot): DecodeError {
  if (at.place.length === 0)
    return new DecodeError(
      `json: cannot unmarshal ${jsonWord(value)} into Go value of type ${goType(schema)}`,
    );
  const field = at.place.findLast((step) => typeof step === 'string') ?? '';
  const [, , , group] = at.root?.message?.split('.') ?? [];
  const named = NAMED_TYPES[`${group}.${at.owner}.${field}`] ?? NAMED_TYPES[`${at.owner}.${field}`];
  const type = named === undefined ? goType(schema) : schema.kind === 'list' ? `[]${named}` : named;
  return cannotUnmarshal(jsonWord(value), at, type, cannotRestore(schema, value));
}

export function cannotUnmarshal(what: string, at: Spot, type: string, ofTree?: string): DecodeError {
  return new DecodeError(
    `json: cannot unmarshal ${what} into Go struct field ${at.owner}.${goPlace(at)} of type ${type}`,
    ofTree,
  );
}

/** Undefined for what reads its own JSON, in a tree as well. */
function cannotRestore(schema: Schema, value: unknown): string | undefined {
  if (schema.kind === 'list' || schema.scalar === 'bytes')
    return `cannot restore slice from ${goKind(value)}`;
  if (schema.kind === 'map') return `cannot restore map from ${goKind(value)}`;
  if (schema.kind === 'object') return `cannot restore struct from: ${goKind(value)}`;
  const scalar = schema.scalar ?? '';
  if (!plainScalars.has(scalar)) return undefined;
  // Go converts numbers to texts, and fractions to whole numbers, in ways that JSON does not mean.
  const kind = goKind(value);
  const isConverted = kind === 'int64' ? scalar === 'string' : kind === 'float64' && scalar.startsWith('int');
  return isConverted
    ? `cannot convert ${kind} to ${goType(schema)}`
    : `unrecognized type: ${GO_TYPES[scalar]}`;
}

const plainScalars: ReadonlySet<string> = new Set(['string', 'bool', 'int32', 'int64', 'double']);

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'string' ? 'string' : 'map';
}

/**
 * A place as Go names it: without indexes and keys, which are no fields, and with the names of the structures that it
 * embeds, which JSON does not have.
 */
function goPlace({ place, root }: Spot): string {
  let schema: Schema | undefined = root;
  const parts: string[] = [];
  for (const step of place) {
    if (typeof step === 'number') schema = schema?.items;
    else if (schema?.kind === 'map') schema = schema.values;
    else {
      if (schema?.kind === 'object') parts.push(...embeddedWith(schema, step, parts.length > 0));
      parts.push(step);
      schema = schema?.field(step);
    }
  }
  return parts.join('.');
}

/** The names of the embedded structures, one within the other, that bring a field into a message. */
function embeddedWith(schema: Schema, name: string, isInside = true): readonly string[] {
  if (isInside && schema.typeMeta && (name === 'apiVersion' || name === 'kind')) return ['TypeMeta'];
  for (const part of schema.wire) {
    if (!part.inline) continue;
    const { message = '' } = part;
    if (part.fields.has(name))
      return [message.slice(message.lastIndexOf('.') + 1), ...embeddedWith(part, name)];
  }
  return [];
}
