/**
 * Policies do nothing by themselves: each of their bindings says for what it counts, and with which parameters. This
 * finds what applies to a request, for policies that refuse and policies that change alike.
 */
import {
  type MatchResources,
  type ObjectMeta,
  type ParamKind,
  type ParamRef,
  type ResourceInfo,
  selectorMatches,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { cachedObject, cachedObjects } from '../cached.ts';
import { namespaceAsked } from '../attributes.ts';
import { matchedAs, selectorsMatch } from '../matching.ts';
import type { AdmissionRequest } from '../request.ts';

interface Policy {
  readonly spec?: {
    readonly matchConstraints?: MatchResources;
    readonly paramKind?: ParamKind;
  };
}

interface Binding {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly policyName?: string;
    readonly paramRef?: ParamRef;
    readonly matchResources?: MatchResources;
  };
}

export interface Bound<P extends Policy, B extends Binding> {
  readonly policy: Readonly<P>;
  readonly binding: Readonly<B>;
  /** The version in which the policy sees the request. */
  readonly info: ResourceInfo;
}

/** Storage prefixes of a kind of policy and of its bindings. */
export interface PolicyKind {
  readonly policies: string;
  readonly bindings: string;
}

/** Groups that no policy is about: policies themselves, and questions about users and their rights. */
const exempt: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
]);

/** Policies that are about a request, by the name of the binding. */
export function boundPolicies<P extends Policy, B extends Binding>(
  kind: PolicyKind,
  request: AdmissionRequest,
): Bound<P, B>[] {
  const { server, target } = request.context;
  // What guards the cluster must stay changeable when a policy is wrong, and who is who must stay answered.
  if (exempt.has(target.info.group)) return [];
  if (server.cache.resource(kind.bindings).index.size === 0) return [];
  return cachedObjects<B>(server, kind.bindings).flatMap((binding) => {
    const policy = cachedObject<P>(server, kind.policies, '', binding.spec?.policyName ?? '');
    const narrowed = binding.spec?.matchResources;
    const info = seenAs(policy?.spec?.matchConstraints, request);
    if (policy === undefined || info === undefined) return [];
    // In which version is for the policy to say.
    const isMeant = narrowed === undefined || seenAs(narrowed, request, true) !== undefined;
    return isMeant ? [{ policy, binding, info }] : [];
  });
}

const noSuchKind = 'failed to find resource referenced by paramKind';

/** Whether a failure has to do with the policy itself, whatever binds it. */
export function isPolicysOwn(failure: string): boolean {
  return failure.startsWith(noSuchKind);
}

/** Undefined stands for a policy without parameters. Throws when a binding asks for some that are not there. */
export function parametersFor(
  { policy, binding }: Bound<Policy, Binding>,
  request: AdmissionRequest,
): readonly (Readonly<ApiObject> | undefined)[] {
  const { paramKind } = policy.spec ?? {};
  const reference = binding.spec?.paramRef;
  if (paramKind === undefined || reference === undefined) return [undefined];
  const found = parametersOf(paramKind, reference, request);
  if (found.length === 0 && reference.parameterNotFoundAction !== 'Allow')
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  return found;
}

/** The objects that a binding names as parameters: one by name, or all that a selector takes. */
function parametersOf(
  { apiVersion = '', kind = '' }: ParamKind,
  { name, namespace, selector }: ParamRef,
  request: AdmissionRequest,
): readonly Readonly<ApiObject>[] {
  const { server } = request.context;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const info = server.registry.byKind(group, version, kind);
  if (info?.storagePrefix === undefined) throw new Error(`${noSuchKind}: '${apiVersion}, Kind=${kind}'`);
  if (!info.namespaced && (namespace ?? '') !== '')
    throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  const place = info.namespaced ? namespace || namespaceAsked(request) : '';
  if (info.namespaced && place === '')
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  if (name !== undefined && name !== '') {
    const found = cachedObject<ApiObject>(server, info.storagePrefix, place, name);
    return found === undefined ? [] : [found];
  }
  return cachedObjects<ApiObject>(server, info.storagePrefix, place).filter(({ metadata }) =>
    selectorMatches(selector, metadata?.labels ?? {}),
  );
}

/** Undefined when they are not about it. `isNarrowing`: without rules of its own it takes what the policy takes. */
function seenAs(
  resources: MatchResources | undefined,
  request: AdmissionRequest,
  isNarrowing = false,
): ResourceInfo | undefined {
  if (resources === undefined) return undefined;
  const { resourceRules = [], excludeResourceRules, matchPolicy } = resources;
  const info =
    isNarrowing && resourceRules.length === 0
      ? request.context.target.info
      : matchedAs(resourceRules, request, matchPolicy);
  const isExcluded = matchedAs(excludeResourceRules, request, matchPolicy) !== undefined;
  return info !== undefined && !isExcluded && selectorsMatch(resources, request) ? info : undefined;
}
