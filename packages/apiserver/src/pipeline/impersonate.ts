/**
 * Acting as somebody else: the headers `Impersonate-User`, `-Group`, `-Uid` and `-Extra-KEY`. Whether the real user may is the
 * modes' to say; everything after this stage sees the other user only.
 */
import { badRequest, StatusError } from '@timonier/api/statuses';
import { textOf } from '../http/header-text.ts';
import type { Wanted } from './impersonation-modes.ts';

const prefix = 'impersonate-';
const extraPrefix = `${prefix}extra-`;

/**
 * The identity that a request asks for, if it does. `rawHeaders` are names and values in turn, as they came: a header may
 * stand there several times. Throws 400 when a part is asked for without a user.
 */
export function wantedIdentity(rawHeaders: readonly string[]): Wanted | undefined {
  let name: string | undefined;
  let uid: string | undefined;
  const groups: string[] = [];
  const fields = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = (rawHeaders[i] ?? '').toLowerCase();
    if (!header.startsWith(prefix)) continue;
    const value = textOf(rawHeaders[i + 1] ?? '');
    // Of what can be said once, the first counts, as for whoever looked at it before us.
    if (header === `${prefix}user`) name ??= value;
    else if (header === `${prefix}group`) groups.push(value);
    else if (header === `${prefix}uid`) uid ??= value;
    else if (header.startsWith(extraPrefix)) {
      const key = keyOf(header);
      const values = fields.get(key);
      if (values === undefined) fields.set(key, [value]);
      else values.push(value);
    }
  }
  // Of entries every key is a property of its own, also `__proto__`.
  const extra = Object.fromEntries(fields);
  const hasParts = groups.length > 0 || uid !== undefined || fields.size > 0;
  if (name === undefined || name === '') {
    if (hasParts) throw new StatusError(badRequest(withoutUser({ uid: uid ?? '', groups, extra })));
    return undefined;
  }
  return { name, uid: uid === '' ? undefined : uid, groups, extra };
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

/** Header names carry keys in lower case, with what a header cannot hold percent-encoded. */
function keyOf(header: string): string {
  const key = header.slice(extraPrefix.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
