/**
 * Whoever writes a policy decides what its expressions say of its parameters, to everybody who is refused: so they must be
 * allowed to read them. Of a policy all objects of the kind, of a binding those that it names.
 */
import {
  fieldErrors,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { splitApiVersion } from '@timonier/api/registry';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus } from '@timonier/api/validation';
import { cachedObject } from '../admission/cached.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { WriteContext } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';

type Policy = Pick<ValidatingAdmissionPolicy, 'spec'>;
type Binding = Pick<ValidatingAdmissionPolicyBinding, 'spec'>;

/** Throws 422 unless the user may read every object of a policy's kind of parameters. */
export async function checkParamKind(
  object: ApiObject,
  old: ApiObject | undefined,
  context: WriteContext,
): Promise<void> {
  const kind = (object as Policy).spec?.paramKind;
  if (kind === undefined || sameTree(kind, (old as Policy | undefined)?.spec?.paramKind)) return;
  const { group = '*', version = '*' } = splitApiVersion(kind.apiVersion ?? '') ?? {};
  const resource = context.server.registry.byKind(group, version, kind.kind ?? '')?.resource ?? '*';
  if (await may(context, 'get', { group, version, resource, name: '*', namespace: '*' })) return;
  refuse(
    object,
    context,
    'spec.paramKind',
    `user ${shown(context.user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind.kind ?? ''}, apiVersion=${kind.apiVersion ?? ''})`,
  );
}

/** Throws 422 unless the user may read what a binding names as parameters of the policies at a storage prefix. */
export const checkParamRef =
  (policies: string) =>
  async (object: ApiObject, old: ApiObject | undefined, context: WriteContext): Promise<void> => {
    const { spec } = object as Binding;
    const before = (old as Binding | undefined)?.spec;
    const reference = spec?.paramRef;
    if (reference === undefined) return;
    if (sameTree(reference, before?.paramRef) && spec?.policyName === before?.policyName) return;
    const { name = '', namespace = '' } = reference;
    const verb = name === '' ? 'list' : 'get';
    // The policy may have become another one a moment ago.
    await context.server.reads.fresh();
    const { unknown, ...about } = parametersOf(policies, spec?.policyName ?? '', context);
    if (await may(context, verb, { ...about, name, namespace })) return;
    const who = `user ${shown(context.user)} does not have "${verb}" permission`;
    refuse(
      object,
      context,
      'spec.paramRef',
      unknown === undefined
        ? `${who} on the object referenced by paramRef`
        : `${unknown} to determine minimum required permissions and ${who} for all groups, versions and resources`,
    );
  };

interface Parameters {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

const anything: Parameters = { group: '*', version: '*', resource: '*' };

/** What a policy has as parameters. What nobody knows may be anything: `unknown` says why. */
function parametersOf(
  policies: string,
  name: string,
  { server }: WriteContext,
): Parameters & { readonly unknown?: string } {
  const policy = cachedObject<Policy>(server, policies, '', name);
  if (policy === undefined) return { ...anything, unknown: `unable to get policy ${name}` };
  const kind = policy.spec?.paramKind;
  if (kind === undefined) return anything;
  const { group = '*', version = '*' } = splitApiVersion(kind.apiVersion ?? '') ?? {};
  const info = server.registry.byKind(group, version, kind.kind ?? '');
  if (info !== undefined) return { group, version, resource: info.resource };
  const what = `&{${kind.apiVersion ?? ''} ${kind.kind ?? ''}}`;
  return { group, version, resource: '*', unknown: `unable to resolve paramKind ${what}` };
}

function may(
  { server, user }: WriteContext,
  verb: string,
  about: Parameters & { readonly name: string; readonly namespace: string },
): Promise<boolean> {
  return server.authorizer.allows(user, { path: '', verb, subresource: '', ...about });
}

function refuse(object: ApiObject, { target }: WriteContext, field: string, detail: string): never {
  const errors = [fieldErrors.forbidden(field, detail)];
  throw new StatusError(invalidStatus(target.info, object.metadata?.name ?? '', errors));
}

/** As upstream's texts show a user. */
function shown({ name, uid = '', groups, extra = {} }: User): string {
  const more = Object.keys(extra)
    .sort()
    .map((key) => `${key}:[${(extra[key] ?? []).join(' ')}]`);
  return `&{${name} ${uid} [${groups.join(' ')}] map[${more.join(' ')}]}`;
}
