/**
 * Who may do what. Health and version are open to everyone; administrators and the cluster's own components are let
 * in; everything else is refused in upstream's words. Components that only read are held to reading.
 */
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { RequestInfo } from '../http/request-info.ts';
import type { User } from './authenticate.ts';

const openPaths = /^\/(healthz|livez|readyz)(\/|$)|^\/version\/?$/;
const monitoringPaths = /^\/(metrics|healthz|livez|readyz)(\/|$)/;
const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head']);

/** Users whose every request is let in. */
const trustedUsers: ReadonlySet<string> = new Set([
  'system:kube-scheduler',
  'system:kube-controller-manager',
  'system:cloud-controller-manager',
]);
/** Users that read, and write nothing but events. */
const readingUsers: ReadonlySet<string> = new Set(['system:kube-proxy', 'system:kube-dns']);

/** The identities whose every write carries the office under which it was decided. */
export function isFenced(user: User): boolean {
  return trustedUsers.has(user.name);
}

/** Throws 403 when the user may not. */
export function authorize(user: User, info: RequestInfo): void {
  if (isAllowed(user, info)) return;
  const type = { group: info.group ?? '', resource: info.resource ?? '' };
  throw new StatusError(forbidden(type, info.name, explain(user, info)));
}

export function isAllowed(user: User, info: RequestInfo): boolean {
  if (info.resource === undefined && openPaths.test(info.path)) return true;
  if (user.groups.includes('system:masters')) return true;
  if (trustedUsers.has(user.name)) return true;
  if (user.name.startsWith('system:node:') && user.groups.includes('system:nodes')) return true;
  if (readingUsers.has(user.name)) return readingVerbs.has(info.verb) || info.resource === 'events';
  if (user.groups.includes('system:monitoring'))
    return info.resource === undefined && monitoringPaths.test(info.path);
  return false;
}

function explain(user: User, info: RequestInfo): string {
  if (info.resource === undefined) return `User "${user.name}" cannot ${info.verb} path "${info.path}"`;
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  const scope = info.namespace === '' ? 'at the cluster scope' : `in the namespace "${info.namespace}"`;
  return `User "${user.name}" cannot ${info.verb} resource "${resource}" in API group "${info.group ?? ''}" ${scope}`;
}
