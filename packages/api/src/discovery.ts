/**
 * The documents by which clients learn what a server serves: the legacy ones (`/api`, `/apis`, one per group and
 * version) and the aggregated one. In: the registry and a filter of what is served. Out: plain objects.
 */
import type { APIGroup, APIGroupList, APIResourceList, APIVersions } from './generated/types.ts';
import { apiVersionOf, type GroupInfo, type Registry, type ResourceInfo } from './registry.ts';

/** Which resources of the registry a server serves. */
export type Served = (info: ResourceInfo) => boolean;

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** The versions of a group that have at least one served resource. */
function servedVersions(registry: Registry, served: Served, group: GroupInfo): string[] {
  return group.versions.filter((version) =>
    registry.all().some((r) => r.group === group.group && r.version === version && served(r)),
  );
}

/** Every served group and version, core first. */
export function servedGroupVersions(registry: Registry, served: Served): GroupVersion[] {
  return registry
    .groups()
    .flatMap((g) => servedVersions(registry, served, g).map((version) => ({ group: g.group, version })));
}

/** `/api`: the versions of the core group; `serverAddress` is how clients reach this server. */
export function apiVersions(serverAddress: string): APIVersions {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

function groupDocument(registry: Registry, served: Served, group: GroupInfo): APIGroup | undefined {
  const versions = servedVersions(registry, served, group);
  const preferred = versions.includes(group.preferred) ? group.preferred : versions[0];
  if (preferred === undefined || group.group === '') return undefined;
  const entry = (version: string): { groupVersion: string; version: string } => ({
    groupVersion: `${group.group}/${version}`,
    version,
  });
  return { name: group.group, versions: versions.map(entry), preferredVersion: entry(preferred) };
}

/** `/apis`: every group but core. */
export function apiGroupList(registry: Registry, served: Served): APIGroupList {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: registry
      .groups()
      .map((g) => groupDocument(registry, served, g))
      .filter((g) => g !== undefined),
  };
}

/** `/apis/GROUP`; undefined when nothing of the group is served. */
export function apiGroup(registry: Registry, served: Served, name: string): APIGroup | undefined {
  const group = registry.groups().find((g) => g.group === name);
  const document = group === undefined ? undefined : groupDocument(registry, served, group);
  return document === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...document };
}

function resourcesOf(registry: Registry, served: Served, { group, version }: GroupVersion): ResourceInfo[] {
  return registry.all().filter((r) => r.group === group && r.version === version && served(r));
}

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined when nothing of it is served. */
export function apiResourceList(
  registry: Registry,
  served: Served,
  type: GroupVersion,
): APIResourceList | undefined {
  const resources = resourcesOf(registry, served, type);
  if (resources.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    ...(type.group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf(type),
    resources: resources.flatMap((r) => [
      {
        name: r.resource,
        singularName: r.singular,
        namespaced: r.namespaced,
        kind: r.kind,
        verbs: [...r.verbs],
        ...(r.shortNames.length > 0 ? { shortNames: [...r.shortNames] } : {}),
        ...(r.categories.length > 0 ? { categories: [...r.categories] } : {}),
        ...(r.storageVersionHash === undefined ? {} : { storageVersionHash: r.storageVersionHash }),
      },
      ...r.subresources.map((s) => ({
        name: `${r.resource}/${s.name}`,
        singularName: '',
        namespaced: r.namespaced,
        ...(s.group === r.group && s.version === r.version ? {} : { group: s.group, version: s.version }),
        kind: s.kind,
        verbs: [...s.verbs],
      })),
    ]),
  };
}

interface ResponseKind {
  group: string;
  version: string;
  kind: string;
}

export interface DiscoveredResource {
  resource: string;
  responseKind: ResponseKind;
  scope: 'Namespaced' | 'Cluster';
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string; responseKind: ResponseKind; verbs: string[] }[];
}

export interface GroupDiscovery {
  metadata: { name?: string };
  versions: { version: string; resources: DiscoveredResource[]; freshness: 'Current' | 'Stale' }[];
}

export interface GroupDiscoveryList {
  kind: 'APIGroupDiscoveryList';
  apiVersion: 'apidiscovery.k8s.io/v2';
  metadata: Record<string, never>;
  items: GroupDiscovery[];
}

function discovered(r: ResourceInfo): DiscoveredResource {
  return {
    resource: r.resource,
    responseKind: responseKind(r, r),
    scope: r.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: r.singular,
    verbs: [...r.verbs],
    ...(r.shortNames.length > 0 ? { shortNames: [...r.shortNames] } : {}),
    ...(r.categories.length > 0 ? { categories: [...r.categories] } : {}),
    ...(r.subresources.length > 0
      ? {
          subresources: r.subresources.map((s) => ({
            subresource: s.name,
            responseKind: responseKind(r, s),
            verbs: [...s.verbs],
          })),
        }
      : {}),
  };
}

/** Built-in kinds say their group and version only where these are not those of the resource. */
function responseKind(r: ResourceInfo, { group, version, kind }: ResponseKind): ResponseKind {
  const isOwn = r.custom === undefined && group === r.group && version === r.version;
  return isOwn ? { group: '', version: '', kind } : { group, version, kind };
}

/** The aggregated document: with `core` the one of `/api`, else the one of `/apis`. */
export function aggregatedDiscovery(registry: Registry, served: Served, core: boolean): GroupDiscoveryList {
  const items = registry
    .groups()
    .filter((g) => (g.group === '') === core)
    .map((g) => ({
      metadata: g.group === '' ? {} : { name: g.group },
      versions: servedVersions(registry, served, g).map((version) => ({
        version,
        resources: resourcesOf(registry, served, { group: g.group, version }).map(discovered),
        freshness: 'Current' as const,
      })),
    }))
    .filter((g) => g.versions.length > 0);
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}
