/**
 * Who may act as whom, and what he may do then: the constrained impersonation of Kubernetes 1.36 (KEP-5284), and the plain one before
 * it. A mode is for some kind of identity. It asks first whether the real user may make this very request in it
 * (`impersonate-on:MODE:VERB` on what the request is about), and then whether he may be that identity (`impersonate:MODE` on
 * each of its parts). The first mode that says yes decides; when none does, the first that applied says why. The plain mode comes
 * last, and does not ask about the request.
 *
 * Nodes and accounts get the groups that such identities have; whoever asks for other groups, or for a uid, is left to the plain mode.
 */
import { checkDns1123Label, checkDns1123Subdomain } from '@timonier/api/names';
import { forbidden, StatusError } from '@timonier/api/statuses';
import { prefixedPath } from '@timonier/api/validation/checks';
import { formatFieldError } from '@timonier/api/validation/field-error';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { Attributes } from '../authorization/decision.ts';
import type { User } from './authenticate.ts';
import { authorize, explain } from './authorize.ts';

/** What the headers say. */
export interface Wanted {
  readonly name: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface Impersonated {
  readonly user: User;
  /** The verb that allowed it, where that was a constrained one. */
  readonly constraint?: string;
}

const ofUsers = 'authentication.k8s.io';
const authenticated = 'system:authenticated';
const unauthenticated = 'system:unauthenticated';
const anonymousUser = 'system:anonymous';
const accountPrefix = 'system:serviceaccount:';
const nodePrefix = 'system:node:';
const nodeNameKey = 'authentication.kubernetes.io/node-name';
const associatedKeys = 'authentication.kubernetes.io/associated-node-keys';
/** So many parts of a kind are asked for all at once first. */
const many = 4;

const modes = ['associated-node', 'arbitrary-node', 'serviceaccount', 'user-info'] as const;
type Mode = (typeof modes)[number];

/** Throws 403 when no mode allows it. */
export async function impersonate(
  authorizer: Authorizer,
  user: User,
  wanted: Wanted,
  request: Attributes,
): Promise<Impersonated> {
  let first: unknown;
  for (const mode of modes.filter((one) => applies(one, wanted, user)))
    try {
      return await new Check(authorizer, user, wanted, mode).constrained(request);
    } catch (error) {
      first ??= refusal(error);
    }
  try {
    return await new Check(authorizer, user, wanted, undefined).parts();
  } catch (error) {
    throw first ?? error;
  }
}

function refusal(error: unknown): StatusError {
  if (error instanceof StatusError && error.status.code === 403) return error;
  throw error;
}

function applies(mode: Mode, { name, uid, groups, extra }: Wanted, user: User): boolean {
  const isBare = uid === undefined && groups.length === 0 && Object.keys(extra).length === 0;
  const node = nodeOf(name);
  switch (mode) {
    case 'associated-node': {
      const at = user.extra?.[nodeNameKey];
      return (
        isBare &&
        node !== undefined &&
        accountOf(user.name) !== undefined &&
        at?.length === 1 &&
        at[0] === node
      );
    }
    case 'arbitrary-node':
      return isBare && node !== undefined;
    case 'serviceaccount':
      return isBare && accountOf(name) !== undefined;
    case 'user-info':
      break;
  }
  return node === undefined && accountOf(name) === undefined;
}

class Check {
  readonly #authorizer: Authorizer;
  readonly #user: User;
  readonly #wanted: Wanted;
  /** Undefined: the plain one. */
  readonly #mode: Mode | undefined;
  readonly #verb: string;

  constructor(authorizer: Authorizer, user: User, wanted: Wanted, mode: Mode | undefined) {
    this.#authorizer = authorizer;
    this.#wanted = wanted;
    this.#mode = mode;
    this.#verb = mode === undefined ? 'impersonate' : `impersonate:${mode}`;
    // It is known that they name the node. What is decided holds for every node that an account runs on.
    this.#user =
      mode === 'associated-node'
        ? { ...user, extra: { [associatedKeys]: Object.keys(user.extra ?? {}).sort() } }
        : user;
  }

  async constrained(request: Attributes): Promise<Impersonated> {
    const verb = `impersonate-on:${this.#mode}:${request.verb}`;
    await authorize(this.#authorizer, this.#user, { ...request, verb });
    return { ...(await this.parts()), constraint: this.#verb };
  }

  /** Whether the user may be everything that is wanted. */
  async parts(): Promise<Impersonated> {
    const { name, uid, extra } = this.#wanted;
    const groups = [...this.#wanted.groups];
    const group = this.#mode === undefined ? '' : ofUsers;
    const account = accountOf(name);
    const node = this.#mode === undefined ? undefined : nodeOf(name);
    if (node !== undefined) {
      await this.#ask({ group, resource: 'nodes', name: this.#mode === 'associated-node' ? '*' : node });
      groups.push('system:nodes');
    } else if (account !== undefined) {
      const { namespace } = account;
      await this.#ask({ group, resource: 'serviceaccounts', ...account });
      if (groups.length === 0) groups.push('system:serviceaccounts', `system:serviceaccounts:${namespace}`);
    } else await this.#ask({ group, resource: 'users', name });
    if (uid !== undefined) await this.#ask({ group: ofUsers, resource: 'uids', name: uid });
    await this.#askGroups(group);
    await this.#askExtra();
    const all = name === anonymousUser ? unauthenticated : authenticated;
    if (!groups.includes(all) && !groups.includes(unauthenticated)) groups.push(all);
    return {
      user: {
        name,
        groups,
        ...(uid === undefined ? {} : { uid }),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      },
    };
  }

  async #askGroups(group: string): Promise<void> {
    const { groups } = this.#wanted;
    const question = { group, resource: 'groups' };
    if (this.#mode !== undefined) {
      if (groups.includes(''))
        this.#refuse({ ...question, name: '' }, 'impersonating the empty string group is not allowed');
      if (groups.includes('system:masters'))
        this.#refuse(
          { ...question, name: 'system:masters' },
          'impersonating the system:masters group is not allowed',
        );
      if (groups.length >= many && (await this.#may({ ...question, name: '*' }))) return;
    }
    for (const name of groups) await this.#ask({ ...question, name });
  }

  async #askExtra(): Promise<void> {
    const pairs = Object.entries(this.#wanted.extra).flatMap(([key, values]) =>
      values.map((value) => [key, value] as const),
    );
    const question = { group: ofUsers, resource: 'userextras' };
    if (this.#mode !== undefined) {
      for (const [key, value] of pairs) {
        const wrong = wrongExtra(key, value);
        if (wrong !== undefined) this.#refuse({ ...question, name: '' }, wrong);
      }
      if (pairs.length >= many && (await this.#may({ ...question, subresource: '*', name: '*' }))) return;
    }
    for (const [subresource, name] of pairs) await this.#ask({ ...question, subresource, name });
  }

  #ask(part: Part): Promise<void> {
    return authorize(this.#authorizer, this.#user, this.#question(part));
  }

  async #may(part: Part): Promise<boolean> {
    return (await this.#authorizer.decide(this.#user, this.#question(part))).verdict === 'allow';
  }

  #refuse(part: Part, why: string): never {
    const { group, resource, name } = part;
    throw new StatusError(
      forbidden({ group, resource }, name, explain(this.#user, this.#question(part), why)),
    );
  }

  #question({ group, resource, name, namespace = '', subresource = '' }: Part): Attributes {
    return { path: '', verb: this.#verb, group, resource, namespace, name, subresource };
  }
}

interface Part {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

function wrongExtra(key: string, value: string): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed';
  const wrong = prefixedPath('extra.key', key).map((error) => formatFieldError(error));
  if (wrong.length > 0) {
    const all = wrong.length === 1 ? wrong[0] : `[${wrong.join(', ')}]`;
    return `impersonating an invalid key in extra is not allowed: ${all}`;
  }
  // What was percent-encoded is decoded as it is written.
  if (key !== key.toLowerCase())
    return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
  return value === '' ? 'impersonating the empty string value in extra is not allowed' : undefined;
}

/** The node that a user's name stands for, if it is one. */
function nodeOf(user: string): string | undefined {
  const name = user.startsWith(nodePrefix) ? user.slice(nodePrefix.length) : '';
  return name !== '' && checkDns1123Subdomain(name).length === 0 ? name : undefined;
}

/** The account that a user's name stands for; none if there can be no such account. */
function accountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(accountPrefix)) return undefined;
  const [namespace = '', name = '', ...more] = user.slice(accountPrefix.length).split(':');
  const isOne = checkDns1123Label(namespace).length === 0 && checkDns1123Subdomain(name).length === 0;
  return isOne && more.length === 0 ? { namespace, name } : undefined;
}
