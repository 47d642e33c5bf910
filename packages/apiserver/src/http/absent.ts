/** Requests for what is not there, or not to be had in this way, although there is a kind of that name. */
import type { Registry } from '@timonier/api';
import { notFound, pathNotFound, StatusError } from '@timonier/api/statuses';
import type { RequestInfo, ResourceRequest } from './request-info.ts';

const named: readonly string[] = ['get', 'update', 'patch', 'delete'];

/** Whether it names an object of a kind that has none to name, such as a review: there is no such path. */
export function isOfNoObject({ info, name, subresource }: ResourceRequest): boolean {
  return name !== '' && subresource === '' && !info.verbs.some((verb) => named.includes(verb));
}

/** Across namespaces, what lies in one can be listed and watched, and nothing else. */
export function isOfNoNamespace({ info, namespace, verb, name }: ResourceRequest): boolean {
  if (!info.namespaced || namespace !== '' || name !== '') return false;
  return verb === 'create' || verb === 'deletecollection';
}

/** What a custom resource has no such part of is answered as if it were not there itself. */
export function notServed(registry: Registry, info: RequestInfo): StatusError {
  const { group = '', version = '', resource = '', name, subresource } = info;
  const kind = registry.lookup(group, version, resource);
  const isPart = kind?.custom !== undefined && subresource !== '' && name !== '';
  return new StatusError(isPart ? notFound({ group, resource }, name) : pathNotFound());
}
