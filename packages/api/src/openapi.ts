/**
 * OpenAPI documents of what is served, generated from the table. In: the registry and a filter. Out: plain objects,
 * the same for the same input, so that callers may cache them and their hash.
 */
import { createHash } from 'node:crypto';
import type { Served, GroupVersion } from './discovery.ts';
import { servedGroupVersions } from './discovery.ts';
import {
  customDefinition,
  Definitions,
  type KindName,
  type OpenApiTexts,
  type OpenApiVersion,
} from './openapi/definitions.ts';
import { Paths } from './openapi/paths.ts';
import { openapiV3Path, type Place, placeItem, places } from './openapi/places.ts';
import { sharedKinds } from './openapi/shared-kinds.ts';
import { schemaOfKind } from './protobuf.ts';
import { apiVersionOf, type Registry } from './registry.ts';

export type { OpenApiTexts } from './openapi/definitions.ts';
export { openapiV3Path } from './openapi/places.ts';

export interface OpenApiOptions {
  readonly registry: Registry;
  readonly served: Served;
  /** Descriptions for `kubectl explain`; without them the documents have none. */
  readonly texts?: OpenApiTexts;
  /** Shown as the documents' version, such as `v1.36.0`. */
  readonly version?: string;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** How requests show who they are from; certificates are no part of HTTP. */
const security = {
  BearerToken: {
    type: 'apiKey',
    description: 'The token of who asks, behind the word Bearer',
    name: 'authorization',
    in: 'header',
  },
};

interface Built {
  definitions: Definitions;
  paths: Paths;
}

function build(options: OpenApiOptions, version: OpenApiVersion, groups: readonly GroupVersion[]): Built {
  const { registry, served } = options;
  const kinds = new Map<string, KindName[]>();
  for (const info of registry.all()) {
    const group = { group: info.group, version: info.version };
    if (info.schema.message !== undefined) kinds.set(info.schema.message, [{ ...group, kind: info.kind }]);
    const list = schemaOfKind(apiVersionOf(info), info.listKind)?.message;
    if (list !== undefined) kinds.set(list, [{ ...group, kind: info.listKind }]);
    for (const sub of info.subresources) {
      const message = schemaOfKind(apiVersionOf(sub), sub.kind)?.message;
      if (message !== undefined && !kinds.has(message)) {
        kinds.set(message, [{ group: sub.group, version: sub.version, kind: sub.kind }]);
      }
    }
  }
  const [only] = groups;
  for (const kind of ['DeleteOptions', 'WatchEvent'])
    kinds.set(`${META}${kind}`, [...sharedKinds(kind, version === 'v3' ? only : undefined)]);
  for (const kind of ['Status', 'APIResourceList', 'APIGroup', 'APIGroupList', 'APIVersions'])
    kinds.set(`${META}${kind}`, [{ group: '', version: 'v1', kind }]);
  const definitions = new Definitions(version, (message) => kinds.get(message) ?? [], options.texts);
  const messageOf = (type: KindName): string | undefined => {
    const custom = registry
      .all()
      .find(
        (r) =>
          r.openApiSchema !== undefined &&
          r.group === type.group &&
          r.version === type.version &&
          (type.kind === r.kind || type.kind === r.listKind),
      );
    return custom !== undefined
      ? customDefinition(type)
      : schemaOfKind(apiVersionOf(type), type.kind)?.message;
  };
  const paths = new Paths(version, definitions, messageOf);
  for (const info of registry.all()) {
    const wanted = groups.some((g) => g.group === info.group && g.version === info.version);
    if (!wanted || !served(info)) continue;
    if (info.schema.message !== undefined) definitions.reference(info.schema.message);
    if (info.openApiSchema !== undefined) definitions.addCustom(info, info.openApiSchema);
    paths.add(info);
  }
  for (const group of groups)
    if (isBuiltIn(options, group)) paths.addDiscovery(group, `/${openapiV3Path(group)}/`);
  return { definitions, paths };
}

function isBuiltIn({ registry }: OpenApiOptions, { group, version }: GroupVersion): boolean {
  return registry
    .all()
    .some((info) => info.openApiSchema === undefined && info.group === group && info.version === version);
}

function head(options: OpenApiOptions): Record<string, unknown> {
  return { title: 'Kubernetes', version: options.version ?? 'v1.36.0' };
}

/** The places beside resources, with the groups that are served by definition of this server. */
function ownPlaces(options: OpenApiOptions): readonly Place[] {
  const own = servedGroupVersions(options.registry, options.served).filter((one) => isBuiltIn(options, one));
  return places([...new Set(own.map(({ group }) => group))]);
}

/** One group and version; undefined when nothing of it is served. */
export function openapiV3(options: OpenApiOptions, type: GroupVersion): Record<string, unknown> | undefined {
  const known = servedGroupVersions(options.registry, options.served).some(
    (g) => g.group === type.group && g.version === type.version,
  );
  if (!known) return undefined;
  const { definitions, paths } = build(options, 'v3', [type]);
  return {
    openapi: '3.0.0',
    info: head(options),
    paths: paths.all(),
    components: { schemas: definitions.all(), securitySchemes: security },
  };
}

/** What is found below `/openapi/v3/` at a path such as `apis/apps/v1`, `apis/apps` or `version`. */
export function openapiV3At(options: OpenApiOptions, path: string): Record<string, unknown> | undefined {
  const type = servedGroupVersions(options.registry, options.served).find(
    (one) => openapiV3Path(one) === path,
  );
  if (type !== undefined) return openapiV3(options, type);
  const place = ownPlaces(options).find((one) => one.path === path);
  if (place === undefined) return undefined;
  const { definitions } = build(options, 'v3', []);
  const paths = { [`/${path}/`]: placeItem(place, 'v3', definitions) };
  const schemas = definitions.all();
  return {
    openapi: '3.0.0',
    info: head(options),
    paths,
    components: {
      ...(Object.keys(schemas).length === 0 ? {} : { schemas }),
      securitySchemes: security,
    },
  };
}

/** A short name of a document's content; a new content has a new name. */
export function openapiHash(document: unknown): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex').toUpperCase();
}

/** `/openapi/v3`: where each document is, by the alphabet and with the hash of its content. */
export function openapiV3Index(
  options: OpenApiOptions,
  hashOf: (path: string) => string = (path) => openapiHash(openapiV3At(options, path)),
): { paths: Record<string, { serverRelativeURL: string }> } {
  const known = [
    ...servedGroupVersions(options.registry, options.served).map(openapiV3Path),
    ...ownPlaces(options).map(({ path }) => path),
  ];
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const path of known.sort())
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(path)}` };
  return { paths };
}

/** `/openapi/v2`: everything in one document. */
export function openapiV2(options: OpenApiOptions): Record<string, unknown> {
  const groups = servedGroupVersions(options.registry, options.served);
  const { definitions, paths } = build(options, 'v2', groups);
  const beside = ownPlaces(options).map(
    (place) => [`/${place.path}/`, placeItem(place, 'v2', definitions)] as const,
  );
  return {
    swagger: '2.0',
    info: head(options),
    paths: { ...paths.all(), ...Object.fromEntries(beside) },
    definitions: definitions.all(),
    securityDefinitions: security,
    security: [{ BearerToken: [] }],
  };
}
