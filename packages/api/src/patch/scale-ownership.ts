/**
 * Who owns the number of replicas, seen through the `scale` subresource: entries of `managedFields` as a Scale has
 * them, and what becomes of those of the workload when the Scale was written.
 *
 * Source: the scale handler of Kubernetes, whose ways are kept, odd ones included: an owner by way of the workload
 * becomes one by way of the Scale with any write of it, loses the time at which it became one, and is forgotten with
 * the write after that.
 */
import { type FieldPath, fieldSetOf, fromFieldsV1, toFieldsV1 } from './field-set.ts';
import { withoutFields } from './fields-v1.ts';
import { inOwnersOrder } from './owner-order.ts';
import { isObject, type JsonObject, type JsonValue } from './structure.ts';

const scaleVersion = 'autoscaling/v1';
const inScale: FieldPath = ['f:spec', 'f:replicas'];

export interface ReplicasField {
  /** Of the workload. */
  readonly apiVersion: string;
  readonly path: readonly string[];
}

/** What a Scale of a workload with these entries says of its own owners. */
export function scaleEntries(parent: JsonValue | undefined, replicas: ReplicasField): JsonObject[] {
  return named(parent)
    .filter((entry) => entry['apiVersion'] === replicas.apiVersion && owns(entry, elements(replicas)))
    .map((entry) => ({ ...entry, apiVersion: scaleVersion, fieldsV1: toFieldsV1(fieldSetOf(inScale)) }));
}

/** The workload's entries after its Scale was written with these. */
export function entriesFromScale(
  parent: JsonValue | undefined,
  scale: JsonValue | undefined,
  replicas: ReplicasField,
): JsonObject[] {
  const path = elements(replicas);
  const scalers = named(scale).filter((entry) => owns(entry, inScale));
  const [parents, scaling] = [new Set(named(parent).map(ownerOf)), new Set(scalers.map(ownerOf))];
  const kept = named(parent)
    .filter((entry) => entry['apiVersion'] === replicas.apiVersion)
    .map((entry) => {
      const fields = isObject(entry['fieldsV1']) ? entry['fieldsV1'] : {};
      const isKept = scaling.has(ownerOf(entry)) || !owns(entry, path);
      return isKept ? entry : { ...entry, fieldsV1: withoutFields(fields, fieldSetOf(path)) };
    })
    .filter(({ fieldsV1 }) => isObject(fieldsV1) && Object.keys(fieldsV1).length > 0);
  const scaled = scalers
    .filter((entry) => !parents.has(ownerOf(entry)))
    .map(({ time: _time, ...entry }) => ({
      ...entry,
      apiVersion: replicas.apiVersion,
      fieldsV1: toFieldsV1(fieldSetOf(path)),
    }));
  return [...kept, ...scaled].sort(inOwnersOrder);
}

function elements({ path }: ReplicasField): FieldPath {
  return path.map((name) => `f:${name}`);
}

function owns(entry: JsonObject, path: FieldPath): boolean {
  return fromFieldsV1(entry['fieldsV1']).has(path);
}

/** Entries by whose they are: of two of one owner the later counts. */
function named(entries: JsonValue | undefined): JsonObject[] {
  const byOwner = new Map<string, JsonObject>();
  for (const entry of Array.isArray(entries) ? entries.filter(isObject) : [])
    byOwner.set(ownerOf(entry), entry);
  return [...byOwner.values()];
}

/** Whoever applies is the same across versions. */
function ownerOf({ manager, operation, apiVersion, subresource }: JsonObject): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource ?? '']);
}
