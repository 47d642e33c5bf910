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
    spec.containers = resized(spec.containers, sent?.containers ?? []);
    if (spec.initContainers !== undefined || sent?.initContainers !== undefined)
      spec.initContainers = resized(spec.initContainers ?? [], sent?.initContainers ?? []);
    if (sent?.resources !== undefined) spec.resources = sent.resources;
  });
}

/** Others than there are, or in another order, stay as they were sent, and are refused as that. */
function resized(containers: readonly Container[], wanted: Container[]): Container[] {
  if (containers.length !== wanted.length || containers.some(({ name }, i) => wanted[i]?.name !== name))
    return wanted;
  return containers.map((container, i) => {
    const { resources: _resources, resizePolicy: _policy, ...others } = container;
    const { resources, resizePolicy } = wanted[i] ?? {};
    return {
      ...others,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
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
