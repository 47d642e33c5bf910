/**
 * The variable `authorizer` of expressions: may the user of the request, or a ServiceAccount, do something else as well?
 * `authorizer.group('apps').resource('deployments').namespace('n').check('create').allowed()`. Values are built up by
 * calls and ask nothing before `check`, which costs much, so that an expression cannot ask often.
 * Source: "Kubernetes authorizer library" of "Common Expression Language in Kubernetes".
 */
import { checkDns1123Label, checkDns1123Subdomain } from '@timonier/api/names';
import { EvaluationError, type Library, memberFunction, OpaqueValue, types } from '@timonier/cel';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { AdmissionRequest } from './request.ts';

export const authorizerType = types.opaque('kubernetes.authorization.Authorizer');
const pathType = types.opaque('kubernetes.authorization.PathCheck');
const groupType = types.opaque('kubernetes.authorization.GroupCheck');
export const resourceCheckType = types.opaque('kubernetes.authorization.ResourceCheck');
const decisionType = types.opaque('kubernetes.authorization.Decision');
/** As upstream: two checks fit into one expression. */
const checkCost = 350_000;

type Asked = Omit<Parameters<Authorizer['allows']>[1], 'verb'>;

/** Who asks whom about what. */
interface Check {
  readonly authorizer: Pick<Authorizer, 'allows'>;
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
  const { server, user } = context;
  return valueOf(authorizerType, { authorizer: server.authorizer, user, asked: nothing });
}

export function requestResourceOf({ context, object, old }: AdmissionRequest): OpaqueValue {
  const { server, user, target } = context;
  const { info, subresource, namespace } = target;
  const name = target.name || ((object ?? old)?.metadata?.name ?? '');
  const asked = { path: '', group: info.group, resource: info.resource, subresource, namespace, name };
  return valueOf(resourceCheckType, { authorizer: server.authorizer, user, asked });
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

/** Selectors narrow what is asked about; roles do not look at them, as upstream. */
const selector = [
  memberFunction([resourceCheckType, types.string], resourceCheckType, (value: OpaqueValue) => value),
];

function decide(value: OpaqueValue, verb: string): OpaqueValue {
  const { authorizer, user, asked } = value.data as Check;
  const isAllowed = authorizer.allows(user, { ...asked, verb });
  return new OpaqueValue(decisionType.name, String(isAllowed), isAllowed);
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
  fieldSelector: selector,
  labelSelector: selector,
  check: [pathType, resourceCheckType].map((type) =>
    memberFunction([type, types.string], decisionType, decide, { cost: () => checkCost }),
  ),
  allowed: [memberFunction([decisionType], types.bool, (value: OpaqueValue) => value.data === true)],
  reason: [memberFunction([decisionType], types.string, () => '')],
  errored: [memberFunction([decisionType], types.bool, () => false)],
  error: [memberFunction([decisionType], types.string, () => '')],
};
