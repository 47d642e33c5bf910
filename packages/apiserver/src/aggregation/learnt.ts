/**
 * What secondary servers say about themselves, taken down to what documents of this server are made of. They are in the
 * hands of others, and everybody's discovery is made with what they say: whatever is not as it must be is left out
 * here, so that nothing behind has to expect it. Pure.
 */
import type { APIResource, APIResourceList } from '@timonier/api';

/** Of one list, far beyond what any server has. */
const maxResources = 5_000;
/** Values within values; of a schema each step down takes two or three. */
const maxDepth = 250;
const maxUrlLength = 2_048;

export interface OpenApiIndex {
  readonly paths?: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

export interface Swagger {
  readonly paths?: Readonly<Record<string, unknown>>;
  readonly definitions?: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Without entries that name nothing; undefined when it is no list. */
export function resourceListOf(given: unknown, groupVersion: string): APIResourceList | undefined {
  const { resources } = fieldsOf(given);
  if (!Array.isArray(resources)) return undefined;
  const known = resources.slice(0, maxResources).flatMap((one: unknown) => resourceOf(fieldsOf(one)) ?? []);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: known };
}

function resourceOf(given: Fields): APIResource | undefined {
  const name = textOf(given['name']);
  const kind = textOf(given['kind']);
  if (name === undefined || kind === undefined) return undefined;
  const optional = (field: string, value: string | string[] | undefined): object =>
    value === undefined ? {} : { [field]: value };
  return {
    name,
    kind,
    singularName: textOf(given['singularName']) ?? '',
    namespaced: given['namespaced'] === true,
    verbs: textsOf(given['verbs']) ?? [],
    ...optional('group', textOf(given['group'])),
    ...optional('version', textOf(given['version'])),
    ...optional('shortNames', textsOf(given['shortNames'])),
    ...optional('categories', textsOf(given['categories'])),
  };
}

/** Of the index of OpenAPI v3 the one place that is the server's own. */
export function openApiIndexOf(given: unknown, place: string): OpenApiIndex {
  const url = textOf(fieldsOf(fieldsOf(fieldsOf(given)['paths'])[place])['serverRelativeURL']);
  const path = `/openapi/v3/${place}`;
  const isOwn = url === path || url?.startsWith(`${path}?`) === true;
  return isOwn && url.length <= maxUrlLength ? { paths: { [place]: { serverRelativeURL: url } } } : {};
}

/** Empty when it is none, or so deep that it could not be written. */
export function swaggerOf(given: unknown): Swagger {
  if (!isAtMostAsDeep(given, maxDepth)) return {};
  const { paths, definitions } = fieldsOf(given);
  return { paths: objectsIn(paths), definitions: objectsIn(definitions) };
}

function objectsIn(given: unknown): Fields {
  const known = Object.entries(fieldsOf(given)).filter(([, one]) => fieldsOf(one) === one);
  // Of entries every key is a property of its own, also `__proto__`.
  return Object.fromEntries(known);
}

/** Level by level: it may be deeper than calls can be. */
function isAtMostAsDeep(given: unknown, depth: number): boolean {
  let level: readonly unknown[] = [given];
  for (let at = 0; level.length > 0; at++) {
    if (at > depth) return false;
    const next: unknown[] = [];
    for (const value of level)
      if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) next.push(one);
    level = next;
  }
  return true;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
}
