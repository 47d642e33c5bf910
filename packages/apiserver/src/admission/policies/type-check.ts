/**
 * Whether the expressions of a policy fit the kinds that it is about. Expressions are run without types, since a policy
 * may be about many kinds; a field that a kind does not have is only found when an object comes. The author is told
 * before, in the policy's status: warnings, which change nothing. In: a policy and the kinds served. Out: warnings.
 */
import {
  apiVersionOf,
  type ExpressionWarning,
  type Registry,
  type ResourceInfo,
  type ValidatingAdmissionPolicy,
} from '@timonier/api';
import { CompileError, Environment, type FieldType, type Type, types } from '@timonier/cel';
import { authorizerLibrary } from '../authorizer-library.ts';
import { authorizerVariables } from '../conditions.ts';
import { namespaceType, requestType, typeOfKind } from './schema-types.ts';

/** Kinds beyond these are not looked at. */
const maxKinds = 10;

export function typeWarnings(policy: ValidatingAdmissionPolicy, kinds: Registry): ExpressionWarning[] {
  const { spec } = policy;
  const environments = kindsOf(policy, kinds).map((info) => ({
    title: title(info),
    environment: environmentFor(info, policy, kinds),
  }));
  const warn = (fieldRef: string, expression: string | undefined): ExpressionWarning[] => {
    if (expression === undefined || expression === '') return [];
    const found = environments.flatMap(({ title: kind, environment }) => {
      const problem = problemOf(environment, expression);
      return problem === undefined ? [] : [`${kind}: ${problem}\n`];
    });
    return found.length === 0 ? [] : [{ fieldRef, warning: found.join('\n') }];
  };
  return (spec?.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...warn(`spec.validations[${i}].expression`, expression),
    ...warn(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}

function title(info: ResourceInfo): string {
  return `${info.group === '' ? `/${info.version}` : apiVersionOf(info)}, Kind=${info.kind}`;
}

/** Those that are named; a rule with a star says nothing of types, and neither do subresources. */
function kindsOf({ spec }: ValidatingAdmissionPolicy, kinds: Registry): ResourceInfo[] {
  const found = new Map<string, ResourceInfo>();
  for (const rule of spec?.matchConstraints?.resourceRules ?? []) {
    const { apiGroups = [], apiVersions = [], resources = [] } = rule;
    if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) continue;
    const plain = resources.filter((name) => !/[*/]/.test(name));
    for (const group of apiGroups)
      for (const version of apiVersions)
        for (const resource of plain) {
          const info = kinds.lookup(group, version, resource);
          if (info !== undefined && found.size < maxKinds) found.set(title(info), info);
        }
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, info]) => info);
}

function environmentFor(
  info: ResourceInfo,
  { spec }: ValidatingAdmissionPolicy,
  kinds: Registry,
): Environment {
  const object = typeOfKind(info);
  const typed = {
    object,
    oldObject: object,
    request: requestType,
    namespaceObject: namespaceType(),
    params: parameterType(spec?.paramKind, kinds),
    ...authorizerVariables,
  };
  const libraries = [authorizerLibrary];
  // A variable may use those before it.
  const fields = new Map<string, FieldType>();
  const variables: Type = { kind: 'object', name: 'kubernetes.variables', fields };
  const environment = new Environment({ variables: { ...typed, variables }, libraries });
  for (const { name, expression } of spec?.variables ?? []) {
    let type: Type = types.dyn;
    try {
      type = environment.compile(expression).type;
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
    }
    fields.set(name, { type, jsonName: name });
  }
  return environment;
}

function parameterType(
  kind: { readonly apiVersion?: string; readonly kind?: string } | undefined,
  kinds: Registry,
): Type {
  const [version = '', group = ''] = (kind?.apiVersion ?? '').split('/').toReversed();
  const info = kinds.byKind(group, version, kind?.kind ?? '');
  return info === undefined ? types.dyn : typeOfKind(info);
}

function problemOf(environment: Environment, expression: string): string | undefined {
  try {
    environment.compile(expression);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}
