/**
 * Acting as somebody else: the headers `Impersonate-User`, `-Group`, `-Uid` and `-Extra-KEY`. The real user needs the verb
 * `impersonate` on each part of the identity it asks for; everything after this stage sees the other user only.
 */
import { badRequest, forbidden, StatusError } from '@timonier/api/statuses';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { User } from './authenticate.ts';

const prefix = 'impersonate-';
const extraPrefix = `${prefix}extra-`;
const accountPattern = /^system:serviceaccount:([^:]+):([^:]+)$/;
const authenticated = 'system:authenticated';
const anonymousUser = 'system:anonymous';

interface Part {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
}

/**
 * The user as whom a request goes on. `rawHeaders` are names and values in turn, as they came: a header may stand there
 * several times. Throws 400 when a part is asked for without a user, and 403 when the real user may not.
 */
export function impersonated(
  user: User,
  rawHeaders: readonly string[],
  authorizer: Authorizer,
): User | Promise<User> {
  let name: string | undefined;
  let uid: string | undefined;
  const groups: string[] = [];
  const extra: Record<string, string[]> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = (rawHeaders[i] ?? '').toLowerCase();
    if (!header.startsWith(prefix)) continue;
    const value = rawHeaders[i + 1] ?? '';
    // Of what can be said once, the first counts, as for whoever looked at it before us.
    if (header === `${prefix}user`) name ??= value;
    else if (header === `${prefix}group`) groups.push(value);
    else if (header === `${prefix}uid`) uid ??= value;
    else if (header.startsWith(extraPrefix)) (extra[keyOf(header)] ??= []).push(value);
  }
  const hasParts = groups.length > 0 || uid !== undefined || Object.keys(extra).length > 0;
  if (name === undefined || name === '') {
    if (hasParts) throw new StatusError(badRequest(withoutUser({ uid: uid ?? '', groups, extra })));
    return user;
  }
  return checked(user, { name, uid, groups, extra }, authorizer);
}

/** What is wanted is shown as upstream's own type prints, extra fields by the alphabet. */
function withoutUser({ uid, groups, extra }: Omit<Wanted, 'name'> & { readonly uid: string }): string {
  const list = (values: readonly string[]): string =>
    `{${values.map((one) => JSON.stringify(one)).join(', ')}}`;
  const keys = Object.keys(extra).sort();
  const pairs = keys.map((key) => `${JSON.stringify(key)}:[]string${list(extra[key] ?? [])}`);
  const shownGroups = groups.length === 0 ? '[]string(nil)' : `[]string${list(groups)}`;
  const shownExtra = keys.length === 0 ? '(nil)' : `{${pairs.join(', ')}}`;
  const shown = `Name:"", UID:${JSON.stringify(uid)}, Groups:${shownGroups}, Extra:map[string][]string${shownExtra}`;
  return `requested &user.DefaultInfo{${shown}} without impersonating a user name`;
}

interface Wanted {
  readonly name: string;
  readonly uid: string | undefined;
  readonly groups: string[];
  readonly extra: Readonly<Record<string, string[]>>;
}

async function checked(
  user: User,
  { name, uid, groups, extra }: Wanted,
  authorizer: Authorizer,
): Promise<User> {
  const account = accountPattern.exec(name);
  const [, namespace = '', accountName = ''] = account ?? [];
  await check(
    user,
    account === null
      ? { group: '', resource: 'users', name }
      : { group: '', resource: 'serviceaccounts', namespace, name: accountName },
    authorizer,
  );
  for (const group of groups) await check(user, { group: '', resource: 'groups', name: group }, authorizer);
  const ofUser = 'authentication.k8s.io';
  if (uid !== undefined) await check(user, { group: ofUser, resource: 'uids', name: uid }, authorizer);
  for (const [key, values] of Object.entries(extra))
    for (const value of values)
      await check(user, { group: ofUser, resource: 'userextras', subresource: key, name: value }, authorizer);
  if (groups.length === 0 && account !== null)
    groups.push('system:serviceaccounts', `system:serviceaccounts:${namespace}`);
  if (name !== anonymousUser && !groups.includes(authenticated)) groups.push(authenticated);
  if (name === anonymousUser && !groups.includes('system:unauthenticated'))
    groups.push('system:unauthenticated');
  return {
    name,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Header names carry keys in lower case, with what a header cannot hold percent-encoded. */
function keyOf(header: string): string {
  const key = header.slice(extraPrefix.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

async function check(user: User, part: Part, authorizer: Authorizer): Promise<void> {
  const { group, resource, name, namespace = '', subresource = '' } = part;
  const question = { path: '', verb: 'impersonate', group, resource, namespace, name, subresource };
  const { verdict, reason } = await authorizer.decide(user, question);
  if (verdict === 'allow') return;
  const because = reason === '' ? '' : `: ${reason}`;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const detail = `User "${user.name}" cannot impersonate resource "${what}" in API group "${group}" ${scope}${because}`;
  throw new StatusError(forbidden({ group, resource }, name, detail));
}
