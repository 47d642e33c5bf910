/** Users, roles and what is asked about them, in the shapes that etcd's messages decode to. */

export const permissionType = { read: 0, write: 1, readWrite: 2 } as const;

export interface Permission {
  readonly permType: number;
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

export interface User {
  readonly name: Buffer;
  /** A hash; empty for a user without a password. */
  readonly password: Buffer;
  /** In ascending order. */
  readonly roles: readonly string[];
  readonly options?: { readonly noPassword: boolean };
}

export interface Role {
  readonly name: Buffer;
  /** In ascending order of their keys. */
  readonly keyPermission: readonly Permission[];
}

/** One change of users, roles or settings, as the log carries it. Never with a password: with its hash. */
export interface AuthChange {
  readonly enable?: object;
  readonly disable?: object;
  readonly userAdd?: {
    readonly name: string;
    readonly hashedPassword: string;
    readonly options?: { readonly noPassword: boolean };
  };
  readonly userDelete?: { readonly name: string };
  readonly userChangePassword?: { readonly name: string; readonly hashedPassword: string };
  readonly userGrantRole?: { readonly user: string; readonly role: string };
  readonly userRevokeRole?: { readonly name: string; readonly role: string };
  readonly roleAdd?: { readonly name: string };
  readonly roleDelete?: { readonly role: string };
  readonly roleGrantPermission?: { readonly name: string; readonly perm?: Permission };
  readonly roleRevokePermission?: {
    readonly role: string;
    readonly key: Buffer;
    readonly rangeEnd: Buffer;
  };
}

/** A password was right; what is left is to give out a token, on every member. */
export interface Authentication {
  readonly name: string;
  /** Random first part of a simple token; empty when tokens are signed. */
  readonly simpleToken: string;
}

/** Who asks, and which revision of users and roles that was decided on. Both empty: nobody said who. */
export interface Credentials {
  readonly username: string;
  readonly authRevision: number;
}

export const nobody: Credentials = { username: '', authRevision: 0 };

/** A member's own requests, such as revoking a lease whose time is over: the root user, at any revision. */
export const itself: Credentials = { username: 'root', authRevision: Number.MAX_SAFE_INTEGER };
