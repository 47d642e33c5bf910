/** What secondary servers serve, put into the discovery documents of this one. Pure. */
import type { APIGroup, APIResourceList } from '@timonier/api';
import type { GroupDiscovery, GroupDiscoveryList } from '@timonier/api/discovery';
import type { RemoteServer } from './remote.ts';

type Remote = Pick<
  RemoteServer,
  'group' | 'version' | 'verdict' | 'hasSaid' | 'resources' | 'service' | 'openapi' | 'swagger'
>;

/** The higher its priority, the earlier a version is named. */
function byPriority(a: Remote, b: Remote): number {
  return (b.service.spec?.versionPriority ?? 0) - (a.service.spec?.versionPriority ?? 0);
}

function entry({ group, version }: Remote): { groupVersion: string; version: string } {
  return { groupVersion: `${group}/${version}`, version };
}

/** `/apis/GROUP` with the versions of secondary servers; undefined when there is nothing of the group at all. */
export function withRemoteVersions(
  document: APIGroup | undefined,
  group: string,
  remotes: readonly Remote[],
): APIGroup | undefined {
  const own = remotes.filter((remote) => remote.group === group).sort(byPriority);
  if (own.length === 0) return document;
  const versions = [...(document?.versions ?? [])];
  for (const remote of own)
    if (!versions.some(({ version }) => version === remote.version)) versions.push(entry(remote));
  const [first] = versions;
  return {
    kind: 'APIGroup',
    apiVersion: 'v1',
    ...document,
    name: group,
    versions,
    ...(first === undefined ? {} : { preferredVersion: document?.preferredVersion ?? first }),
  };
}

/** `/apis` with the groups of secondary servers. */
export function withRemoteGroups(groups: readonly APIGroup[], remotes: readonly Remote[]): APIGroup[] {
  const names = [...new Set([...groups.map(({ name }) => name), ...remotes.map(({ group }) => group)])];
  return names.flatMap((name) => {
    const known = groups.find((group) => group.name === name);
    const merged = withRemoteVersions(known, name, remotes);
    if (merged === undefined) return [];
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = merged;
    return [rest];
  });
}

/** The aggregated document with secondary servers; those that do not answer, or not with what they serve, are named as stale. */
export function withRemoteDiscovery(
  document: GroupDiscoveryList,
  remotes: readonly Remote[],
): GroupDiscoveryList {
  const items: GroupDiscovery[] = document.items.map((item) => ({ ...item, versions: [...item.versions] }));
  for (const remote of [...remotes].sort(byPriority)) {
    const resources = remote.resources === undefined ? [] : aggregated(remote.resources, remote);
    const version = {
      version: remote.version,
      resources,
      freshness: remote.verdict.available && remote.hasSaid ? ('Current' as const) : ('Stale' as const),
    };
    const group = items.find(({ metadata }) => metadata.name === remote.group);
    if (group === undefined) items.push({ metadata: { name: remote.group }, versions: [version] });
    else {
      const at = group.versions.findIndex((known) => known.version === remote.version);
      if (at < 0) group.versions.push(version);
      else group.versions[at] = version;
    }
  }
  return { ...document, items };
}

type Discovered = GroupDiscovery['versions'][number]['resources'][number];

/** A legacy list of resources in the form of the aggregated document. */
function aggregated(list: APIResourceList, remote: Remote): Discovered[] {
  const found = new Map<string, Discovered>();
  for (const resource of list.resources) {
    const responseKind = {
      group: resource.group || remote.group,
      version: resource.version || remote.version,
      kind: resource.kind,
    };
    const [name = '', subresource] = resource.name.split('/');
    if (subresource === undefined) {
      found.set(name, {
        resource: name,
        responseKind,
        scope: resource.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: resource.singularName ?? '',
        verbs: [...resource.verbs],
        ...(resource.shortNames === undefined ? {} : { shortNames: [...resource.shortNames] }),
        ...(resource.categories === undefined ? {} : { categories: [...resource.categories] }),
      });
      continue;
    }
    const parent = found.get(name);
    if (parent === undefined) continue;
    parent.subresources = [
      ...(parent.subresources ?? []),
      { subresource, responseKind, verbs: [...resource.verbs] },
    ];
  }
  return [...found.values()];
}

interface OpenApiIndex {
  paths: Record<string, { serverRelativeURL: string }>;
}

/** The index of OpenAPI v3 with the documents of secondary servers, which are asked of them. */
export function withRemotePaths(index: OpenApiIndex, remotes: readonly Remote[]): OpenApiIndex {
  const paths = { ...index.paths };
  for (const remote of remotes) {
    const place = `apis/${remote.group}/${remote.version}`;
    const url = remote.openapi?.paths?.[place]?.serverRelativeURL;
    if (url !== undefined) paths[place] = { serverRelativeURL: url };
  }
  return { paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** OpenAPI v2 with the paths and definitions of secondary servers; what is here already stays as it is. */
export function withRemoteSwagger(
  document: Record<string, unknown>,
  remotes: readonly Remote[],
): Record<string, unknown> {
  const paths = { ...(document['paths'] as Record<string, unknown>) };
  const definitions = { ...(document['definitions'] as Record<string, unknown>) };
  for (const { group, version, swagger } of remotes) {
    const prefix = `/apis/${group}/${version}`;
    for (const [path, item] of Object.entries(swagger?.paths ?? {}))
      if (path === prefix || path.startsWith(`${prefix}/`)) paths[path] ??= item;
    for (const [name, schema] of Object.entries(swagger?.definitions ?? {})) definitions[name] ??= schema;
  }
  return { ...document, paths, definitions };
}
