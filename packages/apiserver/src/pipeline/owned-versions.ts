/**
 * A change of a custom resource, or of an autoscaler, in the other versions whose fields somebody owns: who owns `host` in one version must
 * hear of it when `address` changes in another. Where a webhook converts, it is asked once for each such version.
 */
import {
  apiVersionOf,
  fromStored,
  type JsonObject,
  registry,
  type ResourceInfo,
  toStored,
  type VersionedChange,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';

export type InVersion = (apiVersion: string) => VersionedChange;

/** The versions, beside the one of `info`, whose fields somebody owns. */
export function otherVersions(info: ResourceInfo, { metadata }: ApiObject): readonly string[] {
  if (info.custom === undefined && info.kind !== 'HorizontalPodAutoscaler') return [];
  const own = apiVersionOf(info);
  const all = (metadata?.managedFields ?? []).map(({ apiVersion = '' }) => apiVersion);
  return [...new Set(all)].filter((version) => version !== own);
}

/** Undefined when nobody owns anything in another version. Throws a `StatusError` when a conversion fails. */
export async function changeInVersions(
  info: ResourceInfo,
  before: ApiObject,
  after: ApiObject,
): Promise<InVersion | undefined> {
  const { custom } = info;
  // Who updates may say who owns what.
  const versions = new Set([...otherVersions(info, before), ...otherVersions(info, after)]);
  if (versions.size === 0) return undefined;
  const changes = new Map<string, VersionedChange>();
  if (custom === undefined) {
    for (const version of versions) changes.set(version, builtInChange(info, before, after, version));
    return (version) => changes.get(version);
  }
  for (const version of versions) {
    const structure = custom.schemaIn(version);
    if (structure === undefined) continue;
    const [old = before, changed = after] = (await custom.convert?.([before, after], version)) ?? [];
    changes.set(version, { before: old as JsonObject, after: changed as JsonObject, structure });
  }
  return (version) => changes.get(version);
}

/** Undefined when nothing is served in that version any more. */
function builtInChange(
  info: ResourceInfo,
  before: ApiObject,
  after: ApiObject,
  apiVersion: string,
): VersionedChange {
  const [group = '', version = ''] = apiVersion.split('/');
  const other = registry.lookup(group, version, info.resource);
  if (other?.kind !== info.kind) return undefined;
  const shaped = (object: ApiObject): JsonObject => fromStored(other, toStored(info, object)) as JsonObject;
  return { before: shaped(before), after: shaped(after), structure: other.schema };
}
