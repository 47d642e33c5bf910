/**
 * What a request is about, read from its method and path alone: a resource with verb, namespace, name and
 * subresource, or a path that is none.
 */
import type { Registry, ResourceInfo } from '@timonier/api';
import type { RequestTarget } from './request-target.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface ResourceRequest {
  readonly verb: Verb;
  readonly info: ResourceInfo;
  /** Empty for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  readonly subresource: string;
}

/** What a path looks like a request for, whether or not such a resource is served. */
export interface RequestInfo {
  readonly path: string;
  /** That of a resource is empty for a method that has none: no rule but one for all verbs allows it, whoever answers in the end. */
  readonly verb: string;
  /** True for a path with empty parts, with dots in the place of names or with a slash in one: nothing is there. */
  readonly isNowhere?: boolean;
  /** Present when the path has the form of a resource. */
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  /** What limits a list, watch or deletecollection; present when the query has it. */
  readonly fieldSelector?: { readonly rawSelector: string };
  readonly labelSelector?: { readonly rawSelector: string };
  /** Present when the resource is served. */
  readonly served?: ResourceRequest;
}

/** A path of more leads nowhere; behind `proxy` there may be any number. */
const mostParts = 256;
const brokenEscape = /%(?![0-9A-Fa-f]{2})/;
/** In capitals: in HTTP `delete` is another method than `DELETE`, which whoever it is passed on to may take for the same. */
const methodsWithVerbs: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
const subresourcesOfNamespaces: ReadonlySet<string> = new Set(['status', 'finalize']);

export function readRequestInfo(method: string, url: RequestTarget, registry: Registry): RequestInfo {
  const path = url.pathname;
  const parts: string[] = [];
  // A slash at the end changes nothing.
  const inner = path.slice(1, path.length > 1 && path.endsWith('/') ? -1 : undefined);
  for (const part of inner.split('/', mostParts + 1)) parts.push(part.includes('%') ? decode(part) : part);
  const isNowhere = path !== '/' && (parts.length > mostParts || parts.some(isNoName));
  const nonResource = {
    path,
    verb: method.toLowerCase(),
    namespace: '',
    name: '',
    subresource: '',
    ...(isNowhere ? { isNowhere } : {}),
  };
  const core = parts[0] === 'api';
  const depth = core ? 2 : 3;
  if ((!core && parts[0] !== 'apis') || parts.length <= depth) return nonResource;
  const group = core ? '' : (parts[1] ?? '');
  const version = parts[depth - 1] ?? '';
  let rest = parts.slice(depth);
  // The old spelling of a watch; still used by a few clients.
  const watchPath = rest[0] === 'watch' && rest.length > 1;
  if (watchPath) rest = rest.slice(1);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2 && !subresourcesOfNamespaces.has(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [resource = '', name = '', ...sub] = rest;
  // What stands behind `proxy` is a path of somebody else's.
  const own = sub[0] === 'proxy' ? parts.slice(0, parts.length - sub.length) : parts;
  if (isNowhere && (own.length > mostParts || own.some(isNoName))) return nonResource;
  const subresource = sub[0] === 'proxy' ? 'proxy' : sub.join('/');
  // One object by its path is read, whatever else is asked for.
  const watch = watchPath || (name === '' && isTrue(url.searchParams.get('watch')));
  const verb = verbOf(method, name, watch && subresource === '');
  const info = registry.lookup(group, version, resource);
  const isNamespaces = group === '' && resource === 'namespaces';
  const base = {
    path,
    verb: methodsWithVerbs.has(method) ? verb : '',
    group,
    version,
    resource,
    namespace: isNamespaces && name !== '' ? name : namespace,
    // Who lists or watches one object by its name needs no right to the others.
    name: name === '' ? selectedName(verb, url) : name,
    subresource,
    ...selectorsOf(verb, url),
  };
  // A cluster-scoped resource under a namespace is not served, nor is one object of all namespaces.
  if (info === undefined || (namespace !== '' && !info.namespaced)) return base;
  if (
    info.namespaced &&
    namespace === '' &&
    (name !== '' || (verb !== 'list' && verb !== 'watch' && verb !== 'create' && verb !== 'deletecollection'))
  )
    return base;
  if (subresource !== '' && !info.subresources.some((known) => known.name === sub[0])) return base;
  return { ...base, served: { verb, info, namespace, name, subresource } };
}

function selectorsOf(verb: Verb, url: RequestTarget): Pick<RequestInfo, 'fieldSelector' | 'labelSelector'> {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return {};
  const field = url.searchParams.get('fieldSelector') ?? '';
  const label = url.searchParams.get('labelSelector') ?? '';
  return {
    ...(field === '' ? {} : { fieldSelector: { rawSelector: field } }),
    ...(label === '' ? {} : { labelSelector: { rawSelector: label } }),
  };
}

/** The name that the field selector of a list or watch asks for, or nothing. */
function selectedName(verb: Verb, url: RequestTarget): string {
  if (verb !== 'list' && verb !== 'watch') return '';
  const selector = url.searchParams.get('fieldSelector') ?? '';
  return /(?:^|,)metadata\.name==?([^,=!\\]+)(?:,|$)/.exec(selector)?.[1] ?? '';
}

function verbOf(method: string, name: string, watch: boolean): Verb {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete';
    default:
      return watch ? 'watch' : name === '' ? 'list' : 'get';
  }
}

export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function isNoName(part: string): boolean {
  return part === '' || part === '.' || part === '..' || part.includes('/');
}

/** What is encoded wrongly stands for itself. Told without an exception, which a long path may have by the hundred thousand. */
function decode(part: string): string {
  if (brokenEscape.test(part)) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
