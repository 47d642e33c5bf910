/**
 * The variable `authorizer` of expressions: may the user of the request, or a ServiceAccount, do something else as well?
 * `authorizer.group('apps').resource('deployments').namespace('n').check('create').allowed()`. Values are built up by
 * calls and ask nothing before `check`, which costs much, so that an expression cannot ask often.
 * Source: "Kubernetes authorizer library" of "Common Expression Language in Kubernetes".
 */
import { checkDns1123Label, checkDns1123Subdomain } from '@timonier/api/names';
import {
  EvaluationError,
  type Library,
  memberFunction,
  OpaqueValue,
  type Type,
  types,
  type Value,
} from '@timonier/cel';
import type { Attributes, Decision } from '../authorization/decision.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { WriteContext } from '../server-state.ts';
import { decisionOf } from './decisions.ts';
import type { AdmissionRequest } from './request.ts';

export const authorizerType = types.opaque('kubernetes.authorization.Authorizer');
const pathType = types.opaque('kubernetes.authorization.PathCheck');
const groupType = types.opaque('kubernetes.authorization.GroupCheck');
export const resourceCheckType = types.opaque('kubernetes.authorization.ResourceCheck');
const decisionType = types.opaque('kubernetes.authorization.Decision');
/** As upstream: two checks fit into one expression. */
const checkCost = 350_000;

type Asked = Omit<Attributes, 'verb'>;

/** Who asks whom about what. */
interface Check {
  readonly context: WriteContext;
  readonly user: User;
  readonly asked: Asked;
}

const nothing: Asked = {
  path: '',
  group: '',
  subresource: '',
  namespace: '',
  name: '',
};

function valueOf(type: { readonly name: string }, check: Check): OpaqueValue {
  return new OpaqueValue(type.name, JSON.stringify([check.user.name, check.asked]), check);
}

/** The values of `authorizer` and `authorizer.requestResource` for a request. */
export function authorizerOf({ context }: AdmissionRequest): OpaqueValue {
  return valueOf(authorizerType, { context, user: context.user, asked: nothing });
}

export function requestResourceOf({ context, object, old }: AdmissionRequest): OpaqueValue {
  const { user, target } = context;
  const { info, subresource, namespace } = target;
  const name = target.name || ((object ?? old)?.metadata?.name ?? '');
  const asked = { path: '', group: info.group, resource: info.resource, subresource, namespace, name };
  return valueOf(resourceCheckType, { context, user, asked });
}

function refined(field: 'subresource' | 'namespace' | 'name') {
  return [
    memberFunction(
      [resourceCheckType, types.string],
      resourceCheckType,
      (value: OpaqueValue, text: string) => {
        const check = value.data as Check;
        return valueOf(resourceCheckType, { ...check, asked: { ...check.asked, [field]: text } });
      },
    ),
  ];
}

function selected(field: 'fieldSelector' | 'labelSelector') {
  return [
    memberFunction(
      [resourceCheckType, types.string],
      resourceCheckType,
      (value: OpaqueValue, rawSelector: string) => {
        const check = value.data as Check;
        return valueOf(resourceCheckType, { ...check, asked: { ...check.asked, [field]: { rawSelector } } });
      },
    ),
  ];
}

function decide(value: OpaqueValue, verb: string): OpaqueValue {
  const { context, user, asked } = value.data as Check;
  const decision = decisionOf(context, user, { ...asked, verb });
  return new OpaqueValue(decisionType.name, JSON.stringify(decision), decision);
}

/** Something of a decision. */
function told(type: Type, pick: (decision: Decision) => Value) {
  return [memberFunction([decisionType], type, (value: OpaqueValue) => pick(value.data as Decision))];
}

function serviceAccount(value: OpaqueValue, namespace: string, name: string): OpaqueValue {
  const [problem] = [...checkDns1123Subdomain(name), ...checkDns1123Label(namespace)];
  if (problem !== undefined) throw new EvaluationError(`Invalid service account name: ${problem}`);
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  const user = { name: `system:serviceaccount:${namespace}:${name}`, groups };
  return valueOf(authorizerType, { ...(value.data as Check), user });
}

export const authorizerLibrary: Library = {
  path: [
    memberFunction([authorizerType, types.string], pathType, (value: OpaqueValue, path: string) => {
      if (path.trim() === '') throw new EvaluationError('path must not be empty');
      const check = value.data as Check;
      return valueOf(pathType, { ...check, asked: { ...nothing, path } });
    }),
  ],
  group: [
    memberFunction([authorizerType, types.string], groupType, (value: OpaqueValue, group: string) => {
      const check = value.data as Check;
      return valueOf(groupType, { ...check, asked: { ...nothing, group } });
    }),
  ],
  serviceAccount: [
    memberFunction([authorizerType, types.string, types.string], authorizerType, serviceAccount),
  ],
  resource: [
    memberFunction([groupType, types.string], resourceCheckType, (value: OpaqueValue, resource: string) => {
      const check = value.data as Check;
      return valueOf(resourceCheckType, { ...check, asked: { ...check.asked, resource } });
    }),
  ],
  subresource: refined('subresource'),
  namespace: refined('namespace'),
  name: refined('name'),
  fieldSelector: selected('fieldSelector'),
  labelSelector: selected('labelSelector'),
  check: [pathType, resourceCheckType].map((type) =>
    memberFunction([type, types.string], decisionType, decide, { cost: () => checkCost }),
  ),
  allowed: told(types.bool, ({ verdict }) => verdict === 'allow'),
  reason: told(types.string, ({ reason }) => reason),
  errored: told(types.bool, ({ error }) => error !== undefined),
  error: told(types.string, ({ error }) => error ?? ''),
};
