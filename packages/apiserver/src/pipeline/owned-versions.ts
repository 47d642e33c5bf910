/**
 * A change of a custom resource in the other versions whose fields somebody owns: who owns `host` in one version must
 * hear of it when `address` changes in another. Where a webhook converts, it is asked once for each such version.
 */
import { apiVersionOf, type JsonObject, type ResourceInfo, type VersionedChange } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';

export type InVersion = (apiVersion: string) => VersionedChange;

/** The versions, beside the one of `info`, whose fields somebody owns. */
export function otherVersions(info: ResourceInfo, { metadata }: ApiObject): readonly string[] {
  if (info.custom === undefined) return [];
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
  const versions = otherVersions(info, before);
  if (custom === undefined || versions.length === 0) return undefined;
  const changes = new Map<string, VersionedChange>();
  for (const version of versions) {
    const structure = custom.schemaIn(version);
    if (structure === undefined) continue;
    const [old = before, changed = after] = (await custom.convert?.([before, after], version)) ?? [];
    changes.set(version, { before: old as JsonObject, after: changed as JsonObject, structure });
  }
  return (version) => changes.get(version);
}
