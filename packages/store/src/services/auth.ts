/**
 * etcdserverpb.Auth: users, roles, permissions and tokens. Changes go through the log, with passwords already hashed;
 * questions are answered behind a linearizable barrier.
 */
import { GrpcError, type Handlers, type ServerCall, Status } from '@timonier/grpc';
import type { Authenticated } from '../auth/apply.ts';
import { authError } from '../auth/errors.ts';
import { hashPassword, isPasswordHash, verifyPassword } from '../auth/passwords.ts';
import type { AuthChange, Credentials, Permission } from '../auth/types.ts';
import { header, type ServiceContext, withHeader } from './context.ts';

interface Name {
  readonly name: string;
}

interface RoleName {
  readonly role: string;
}

interface NewUser extends Name {
  readonly password: string;
  readonly options?: { readonly noPassword: boolean };
  readonly hashedPassword: string;
}

export type AuthShape = {
  authEnable: { request: object; response: object };
  authDisable: { request: object; response: object };
  authStatus: { request: object; response: object };
  authenticate: { request: Name & { readonly password: string }; response: object };
  userAdd: { request: NewUser; response: object };
  userGet: { request: Name; response: object };
  userList: { request: object; response: object };
  userDelete: { request: Name; response: object };
  userChangePassword: {
    request: Name & { readonly password: string; readonly hashedPassword: string };
    response: object;
  };
  userGrantRole: { request: { readonly user: string } & RoleName; response: object };
  userRevokeRole: { request: Name & RoleName; response: object };
  roleAdd: { request: Name; response: object };
  roleGet: { request: RoleName; response: object };
  roleList: { request: object; response: object };
  roleDelete: { request: RoleName; response: object };
  roleGrantPermission: { request: Name & { readonly perm?: Permission }; response: object };
  roleRevokePermission: {
    request: RoleName & { readonly key: Buffer; readonly rangeEnd: Buffer };
    response: object;
  };
};

/** As etcd's client does, a password may come hashed; then it must be in a form that can be checked here. */
async function hashOf(
  { password, hashedPassword }: { password: string; hashedPassword: string },
  cost: number,
): Promise<string> {
  if (hashedPassword === '') return await hashPassword(password, cost);
  const hash = Buffer.from(hashedPassword, 'base64').toString();
  if (!isPasswordHash(hash)) throw authError.unknownHash();
  return hash;
}

/** How often an authentication begins again because users changed while a password was checked. */
const authenticationAttempts = 5;

export function authHandlers(context: ServiceContext): Handlers<AuthShape> {
  const { member, credentials, tokens, passwordCost } = context;
  const auth = (): typeof member.machine.auth => member.machine.auth;

  const change = async (
    call: ServerCall,
    request: AuthChange | ((who: Credentials) => Promise<AuthChange>),
  ): Promise<object> => {
    const who = await credentials.of(call);
    // Before the work of a hash, not only where it is applied.
    if (typeof request === 'function') auth().checkAdmin(who);
    const proposed = typeof request === 'function' ? await request(who) : request;
    return withHeader(context, await member.propose({ auth: proposed, ...who }, 256));
  };

  const question = async (call: ServerCall): Promise<Credentials> => {
    const who = await credentials.of(call);
    await member.barrier();
    return who;
  };

  return {
    authEnable: (enable, call) => change(call, { enable }),
    authDisable: (disable, call) => change(call, { disable }),
    authStatus: async (_request, call) => {
      auth().checkAdmin(await question(call));
      return { header: header(context), enabled: auth().enabled, authRevision: auth().revision };
    },
    authenticate: async ({ name, password }) => {
      await member.barrier();
      for (let attempt = 0; attempt < authenticationAttempts; attempt++) {
        if (!auth().enabled) throw authError.notEnabled();
        const user = auth().user(name);
        if (user === undefined) throw authError.authFailed();
        if (user.options?.noPassword === true) throw authError.noPasswordUser();
        const checkedAt = auth().revision;
        if (!(await verifyPassword(password, user.password.toString()))) throw authError.authFailed();
        const simpleToken = tokens.prefix();
        const result = await member.propose({ authenticate: { name, simpleToken } }, 64);
        const { index, authRevision } = result as Authenticated;
        if (authRevision !== checkedAt) continue;
        return {
          ...withHeader(context, result),
          token: tokens.issue(name, simpleToken, index, authRevision),
        };
      }
      throw authError.oldRevision();
    },
    userAdd: ({ name, password, options, hashedPassword }, call) =>
      change(call, async () => {
        if (name === '') throw authError.userEmpty();
        const noPassword = options?.noPassword === true;
        const hash = noPassword ? '' : await hashOf({ password, hashedPassword }, passwordCost);
        return { userAdd: { name, hashedPassword: hash, options: { noPassword } } };
      }),
    userGet: async ({ name }, call) => {
      const who = await question(call);
      if (who.username !== name) auth().checkAdmin(who);
      const user = auth().user(name);
      if (user === undefined) throw authError.userNotFound();
      return { header: header(context), roles: user.roles };
    },
    userList: async (_request, call) => {
      auth().checkAdmin(await question(call));
      return { header: header(context), users: auth().userNames };
    },
    userDelete: (userDelete, call) => change(call, { userDelete }),
    userChangePassword: (request, call) =>
      change(call, async () => ({
        userChangePassword: { name: request.name, hashedPassword: await hashOf(request, passwordCost) },
      })),
    userGrantRole: (userGrantRole, call) => change(call, { userGrantRole }),
    userRevokeRole: (userRevokeRole, call) => change(call, { userRevokeRole }),
    roleAdd: (roleAdd, call) => change(call, { roleAdd }),
    roleGet: async ({ role: name }, call) => {
      const who = await question(call);
      if (auth().user(who.username)?.roles.includes(name) !== true) auth().checkAdmin(who);
      const role = auth().role(name);
      if (role === undefined) throw authError.roleNotFound();
      return { header: header(context), perm: role.keyPermission };
    },
    roleList: async (_request, call) => {
      auth().checkAdmin(await question(call));
      return { header: header(context), roles: auth().roleNames };
    },
    roleDelete: (roleDelete, call) => change(call, { roleDelete }),
    roleGrantPermission: (roleGrantPermission, call) => change(call, { roleGrantPermission }),
    roleRevokePermission: (roleRevokePermission, call) => change(call, { roleRevokePermission }),
  };
}

/**
 * Lets only who may manage members and users call the named methods. `refusal` is what an error becomes on its way to
 * the client.
 */
export function adminOnly<H extends object>(
  context: ServiceContext,
  handlers: H,
  names: readonly (keyof H)[],
  refusal: (error: unknown) => unknown = (error) => error,
): H {
  const guarded = { ...handlers };
  for (const name of names) {
    const handler = handlers[name] as ((...args: unknown[]) => unknown) | undefined;
    if (handler === undefined) continue;
    guarded[name] = (async (...args: unknown[]) => {
      // The call is the last argument of every form of handler.
      const call = args.at(-1) as ServerCall;
      try {
        context.member.machine.auth.checkAdmin(await context.credentials.of(call));
      } catch (error) {
        throw refusal(error);
      }
      return await handler(...args);
    }) as H[keyof H];
  }
  return guarded;
}

/** Maintenance refuses in other words than the rest of etcd: with the text alone, and no code of its own. */
export function bareRefusal(error: unknown): unknown {
  if (!(error instanceof GrpcError)) return error;
  const text = error.details.replace(/^etcdserver: /, '').replace('user name not found', 'user not found');
  return new GrpcError(Status.UNKNOWN, `auth: ${text}`, { cause: error });
}
