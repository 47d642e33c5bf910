/** Applies what the log says about users: changes of them, and that one has authenticated. */
import type { StoredRequest } from '../codecs.ts';
import type { AuthState } from './auth-state.ts';
import { authError } from './errors.ts';
import type { Tokens } from './tokens.ts';

/** What an authentication came to: the client's member makes the token from it. */
export interface Authenticated {
  readonly index: number;
  readonly authRevision: number;
}

/** Throws etcd's error when nothing was changed. */
export function applyAuth(
  auth: AuthState,
  tokens: Tokens | undefined,
  { auth: change, authenticate }: Pick<StoredRequest, 'auth' | 'authenticate'>,
  index: number,
): Authenticated | object {
  if (change !== undefined) {
    auth.apply(change);
    if (!auth.enabled) tokens?.clear();
    const name = change.userDelete?.name ?? change.userChangePassword?.name;
    if (name !== undefined) tokens?.forget(name);
    return {};
  }
  if (authenticate === undefined) return {};
  const { name, simpleToken } = authenticate;
  if (!auth.enabled) throw authError.notEnabled();
  const user = auth.user(name);
  if (user === undefined || user.options?.noPassword === true) throw authError.authFailed();
  tokens?.assigned(name, simpleToken, index);
  return { index, authRevision: auth.revision };
}
