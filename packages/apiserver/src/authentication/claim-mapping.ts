/**
 * Whom the claims of a verified token name, by the rules of an AuthenticationConfiguration: claims taken as they are, or
 * expressions of CEL over them. Rules are compiled once; afterwards everything is pure. Source: "Using Authentication
 * Configuration" of the Kubernetes documentation.
 */
import { CompileError, Environment, fromJson, type Program, toJson, types } from '@timonier/cel';
import type { JWTPayload } from 'jose';
import type { User } from '../pipeline/authenticate.ts';

/** A claim, put behind a prefix, or an expression. */
export type Source = { readonly claim: string; readonly prefix: string } | { readonly expression: Program };

export interface ClaimRules {
  readonly username: Source;
  readonly groups: Source | undefined;
  readonly uid: Source | undefined;
  readonly extra: readonly { readonly key: string; readonly expression: Program }[];
  readonly claimRules: readonly ClaimRule[];
  readonly userRules: readonly Program[];
}

export type ClaimRule = { readonly claim: string; readonly value: string } | { readonly expression: Program };

const texts = types.list(types.string);
const userType: types.ObjectType = {
  kind: 'object',
  name: 'kubernetes.UserInfo',
  fields: new Map(
    Object.entries({
      username: types.string,
      uid: types.string,
      groups: texts,
      extra: types.map(types.string, texts),
    }).map(([jsonName, type]) => [jsonName, { jsonName, type }]),
  ),
};
const claimsEnvironment = new Environment({ variables: { claims: types.map(types.string, types.dyn) } });
const userEnvironment = new Environment({ variables: { user: userType } });

/** Throws with the field `at` for an expression that does not compile. */
export function compileOverClaims(expression: string, at: string, isCondition = false): Program {
  return compiled(claimsEnvironment, expression, at, isCondition);
}

export function compileOverUser(expression: string, at: string): Program {
  return compiled(userEnvironment, expression, at, true);
}

function compiled(where: Environment, expression: string, at: string, isCondition: boolean): Program {
  try {
    return where.compile(expression, isCondition ? types.bool : undefined);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    throw new Error(`${at}: Invalid value: ${JSON.stringify(expression)}: ${error.problem}`, {
      cause: error,
    });
  }
}

/** Undefined when a rule does not hold, or a claim that is needed is missing or of another form. */
export function userByRules(claims: JWTPayload, rules: ClaimRules): User | undefined {
  try {
    return mapped(claims, rules);
  } catch {
    // What an expression could not make of the claims names nobody.
    return undefined;
  }
}

function mapped(claims: JWTPayload, rules: ClaimRules): User | undefined {
  const own = (name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined);
  const input = (name: string) => (name === 'claims' ? fromJson(claims) : undefined);
  const evaluated = (program: Program): unknown => toJson(program.evaluate(input).value);
  for (const rule of rules.claimRules) {
    const holds = 'claim' in rule ? own(rule.claim) === rule.value : evaluated(rule.expression) === true;
    if (!holds) return undefined;
  }
  const { username, groups, uid } = rules;
  const name = 'claim' in username ? own(username.claim) : evaluated(username.expression);
  if (typeof name !== 'string' || name === '') return undefined;
  if ('claim' in username && username.claim === 'email') {
    const verified = own('email_verified');
    if (verified !== undefined && verified !== true) return undefined;
  }
  const given =
    groups === undefined ? [] : 'claim' in groups ? own(groups.claim) : evaluated(groups.expression);
  const named = textsOf(given);
  if (named === undefined) return undefined;
  const id = uid === undefined ? '' : 'claim' in uid ? own(uid.claim) : evaluated(uid.expression);
  if (typeof id !== 'string') return undefined;
  const extra: Record<string, string[]> = {};
  for (const { key, expression } of rules.extra) {
    const values = textsOf(evaluated(expression));
    if (values === undefined) return undefined;
    if (values.length > 0) extra[key] = values;
  }
  const prefixOf = (source: Source | undefined): string =>
    source !== undefined && 'claim' in source ? source.prefix : '';
  const user = {
    username: `${prefixOf(username)}${name}`,
    uid: id,
    groups: named.map((group) => `${prefixOf(groups)}${group}`),
    extra,
  };
  const ofUser = (variable: string) => (variable === 'user' ? fromJson(user, userType) : undefined);
  if (!rules.userRules.every((rule) => rule.evaluate(ofUser).value === true)) return undefined;
  return {
    name: user.username,
    ...(id === '' ? {} : { uid: id }),
    groups: [...user.groups, 'system:authenticated'],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** One text or several; nothing for what is null, missing or an empty text. */
function textsOf(value: unknown): string[] | undefined {
  if (value === undefined || value === null || value === '') return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.every((item) => typeof item === 'string') ? list.filter((item) => item !== '') : undefined;
}
