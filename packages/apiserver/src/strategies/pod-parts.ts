/**
 * Parts of a running pod that change through subresources of their own: its ephemeral containers, and what its
 * containers may use. Everything else stays what it was, whatever the client sent along.
 */
import type { Container, Pod, PodSpec } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { copyOf } from '../storage/copy.ts';

export function takeEphemeralContainers(object: ApiObject, old: ApiObject): void {
  const sent = (object as unknown as Pod).spec?.ephemeralContainers;
  keepOld(object, old, (spec) => {
    if (sent === undefined) delete spec.ephemeralContainers;
    else spec.ephemeralContainers = sent;
  });
}

export function takeResources(object: ApiObject, old: ApiObject): void {
  const sent = (object as unknown as Pod).spec;
  keepOld(object, old, (spec) => {
    resize(spec.containers, sent?.containers);
    resize(spec.initContainers, sent?.initContainers);
    if (sent?.resources !== undefined) spec.resources = sent.resources;
  });
}

/** Containers are told apart by name: one that was left out keeps what it has. */
function resize(
  containers: readonly Container[] | undefined,
  wanted: readonly Container[] | undefined,
): void {
  for (const container of containers ?? []) {
    const same = wanted?.find(({ name }) => name === container.name);
    if (same === undefined) continue;
    if (same.resources === undefined) delete container.resources;
    else container.resources = same.resources;
    if (same.resizePolicy !== undefined) container.resizePolicy = same.resizePolicy;
  }
}

function keepOld(object: ApiObject, old: ApiObject, change: (spec: PodSpec) => void): void {
  const { managedFields, resourceVersion } = object.metadata ?? {};
  const kept = copyOf(old);
  for (const field of Object.keys(object)) if (!Object.hasOwn(kept, field)) delete object[field];
  Object.assign(object, kept);
  object.metadata = { ...kept.metadata };
  if (managedFields !== undefined) object.metadata.managedFields = managedFields;
  if (resourceVersion !== undefined) object.metadata.resourceVersion = resourceVersion;
  const { spec } = object as unknown as Pod;
  if (spec !== undefined) change(spec);
}
