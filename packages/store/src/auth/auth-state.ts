/**
 * Users, roles and whether they count: replicated state, changed by log entries only.
 *
 * `apply` depends on the state and the change alone. Every change raises the revision, so that what was allowed under
 * an older one can be told from what is allowed now. What is to be written to disk is collected and taken by the
 * state machine together with everything else of the entry.
 *
 * The root user, while authentication is enabled, always exists and has the root role.
 */
import { loadMessage } from '@timonier/grpc';
import type { DiskOperation } from '../state-records.ts';
import { authError } from './errors.ts';
import { type Interval, interval, IntervalSet } from './intervals.ts';
import {
  type AuthChange,
  type Credentials,
  type Permission,
  permissionType,
  type Role,
  type User,
} from './types.ts';

const userCodec = loadMessage<User>('etcd/auth.proto', 'authpb.User');
const roleCodec = loadMessage<Role>('etcd/auth.proto', 'authpb.Role');

/** Keys on disk: `au` and a user's name, `ar` and a role's name, and the settings. */
export const authKeys = { gte: Buffer.from('a'), lt: Buffer.from('b') };
const settingsKey = Buffer.from('as');
const userPrefix = Buffer.from('au');
const rolePrefix = Buffer.from('ar');

const root = 'root';

interface Settings {
  readonly enabled: boolean;
  readonly revision: number;
}

interface Allowed {
  readonly read: IntervalSet;
  readonly write: IntervalSet;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export class AuthState {
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();
  #enabled = false;
  #revision = 1;
  #operations: DiskOperation[] = [];
  /** What each user may do, worked out when first asked and forgotten at every change. */
  readonly #allowed = new Map<string, Allowed>();

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  // Disk

  /** Takes one record from disk. */
  load(key: Buffer, value: Buffer): void {
    if (key.equals(settingsKey)) {
      const { enabled, revision } = JSON.parse(value.toString()) as Settings;
      this.#enabled = enabled;
      this.#revision = revision;
    } else if (key.subarray(0, 2).equals(userPrefix))
      this.#users.set(key.toString('utf8', 2), userCodec.decode(value));
    else if (key.subarray(0, 2).equals(rolePrefix))
      this.#roles.set(key.toString('utf8', 2), roleCodec.decode(value));
  }

  /** What was changed since the last call. */
  takeOperations(): readonly DiskOperation[] {
    const operations = this.#operations;
    if (operations.length > 0) this.#operations = [];
    return operations;
  }

  // Reading

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  role(name: string): Role | undefined {
    return this.#roles.get(name);
  }

  get userNames(): string[] {
    return [...this.#users.keys()].sort(byBytes);
  }

  get roleNames(): string[] {
    return [...this.#roles.keys()].sort(byBytes);
  }

  #isRoot(user: User): boolean {
    return user.roles.includes(root);
  }

  /** Throws unless the caller may manage users, roles and members. */
  checkAdmin({ username }: Credentials): void {
    if (!this.#enabled) return;
    if (username === '') throw authError.userEmpty();
    const user = this.#users.get(username);
    if (user === undefined) throw authError.userNotFound();
    if (!this.#isRoot(user)) throw authError.permissionDenied();
  }

  isAdmin({ username }: Credentials): boolean {
    const user = this.#users.get(username);
    return !this.#enabled || (user !== undefined && this.#isRoot(user));
  }

  /** Throws unless the caller may read, or write, every key of the range. An empty range end means one key. */
  check(who: Credentials, key: Buffer, rangeEnd: Buffer, access: 'read' | 'write'): void {
    if (!this.#enabled) return;
    if (who.authRevision === 0) throw authError.userEmpty();
    if (who.authRevision < this.#revision) throw authError.oldRevision();
    const user = this.#users.get(who.username);
    if (user === undefined) throw authError.permissionDenied();
    if (this.#isRoot(user)) return;
    if (!this.#allowedFor(who.username, user)[access].covers(interval(key, rangeEnd)))
      throw authError.permissionDenied();
  }

  #allowedFor(name: string, user: User): Allowed {
    const known = this.#allowed.get(name);
    if (known !== undefined) return known;
    const read: Interval[] = [];
    const write: Interval[] = [];
    for (const role of user.roles)
      for (const { permType, key, rangeEnd } of this.#roles.get(role)?.keyPermission ?? []) {
        const range = interval(key, rangeEnd);
        if (permType !== permissionType.write) read.push(range);
        if (permType !== permissionType.read) write.push(range);
      }
    const allowed = { read: new IntervalSet(read), write: new IntervalSet(write) };
    this.#allowed.set(name, allowed);
    return allowed;
  }

  // Changing

  /** Applies a change, or throws etcd's error and leaves everything as it was. */
  apply(change: AuthChange): void {
    if (change.enable !== undefined) this.#enable();
    else if (change.disable !== undefined) this.#disable();
    else if (change.userAdd !== undefined) this.#userAdd(change.userAdd);
    else if (change.userDelete !== undefined) this.#userDelete(change.userDelete.name);
    else if (change.userChangePassword !== undefined) this.#userChangePassword(change.userChangePassword);
    else if (change.userGrantRole !== undefined) this.#userGrantRole(change.userGrantRole);
    else if (change.userRevokeRole !== undefined) this.#userRevokeRole(change.userRevokeRole);
    else if (change.roleAdd !== undefined) this.#roleAdd(change.roleAdd.name);
    else if (change.roleDelete !== undefined) this.#roleDelete(change.roleDelete.role);
    else if (change.roleGrantPermission !== undefined) this.#roleGrant(change.roleGrantPermission);
    else if (change.roleRevokePermission !== undefined) this.#roleRevoke(change.roleRevokePermission);
  }

  #enable(): void {
    if (this.#enabled) return;
    const user = this.#users.get(root);
    if (user === undefined) throw authError.rootUserNotExist();
    if (!this.#isRoot(user)) throw authError.rootRoleNotExist();
    this.#enabled = true;
    this.#writeSettings();
  }

  #disable(): void {
    if (!this.#enabled) return;
    this.#enabled = false;
    this.#changed();
  }

  #userAdd({ name, hashedPassword, options }: NonNullable<AuthChange['userAdd']>): void {
    if (name === '') throw authError.userEmpty();
    if (this.#users.has(name)) throw authError.userAlreadyExists();
    const noPassword = options?.noPassword === true;
    this.#putUser({
      name: Buffer.from(name),
      password: Buffer.from(noPassword ? '' : hashedPassword),
      roles: [],
      options: { noPassword },
    });
    this.#changed();
  }

  #userDelete(name: string): void {
    if (this.#enabled && name === root) throw authError.invalidManagement();
    this.#mustUser(name);
    this.#users.delete(name);
    this.#operations.push({ type: 'del', key: Buffer.concat([userPrefix, Buffer.from(name)]) });
    this.#changed();
  }

  #userChangePassword({ name, hashedPassword }: NonNullable<AuthChange['userChangePassword']>): void {
    this.#putUser({ ...this.#mustUser(name), password: Buffer.from(hashedPassword) });
    this.#changed();
  }

  #userGrantRole({ user: name, role }: NonNullable<AuthChange['userGrantRole']>): void {
    const user = this.#mustUser(name);
    if (role !== root) this.#mustRole(role);
    if (user.roles.includes(role)) return;
    this.#putUser({ ...user, roles: [...user.roles, role].sort(byBytes) });
    this.#changed();
  }

  #userRevokeRole({ name, role }: NonNullable<AuthChange['userRevokeRole']>): void {
    if (this.#enabled && name === root && role === root) throw authError.invalidManagement();
    const user = this.#mustUser(name);
    const roles = user.roles.filter((each) => each !== role);
    if (roles.length === user.roles.length) throw authError.roleNotGranted();
    this.#putUser({ ...user, roles });
    this.#changed();
  }

  #roleAdd(name: string): void {
    if (name === '') throw authError.roleEmpty();
    if (this.#roles.has(name)) throw authError.roleAlreadyExists();
    this.#putRole({ name: Buffer.from(name), keyPermission: [] });
    this.#changed();
  }

  #roleDelete(name: string): void {
    if (this.#enabled && name === root) throw authError.invalidManagement();
    this.#mustRole(name);
    this.#roles.delete(name);
    this.#operations.push({ type: 'del', key: Buffer.concat([rolePrefix, Buffer.from(name)]) });
    for (const user of this.#users.values())
      if (user.roles.includes(name))
        this.#putUser({ ...user, roles: user.roles.filter((each) => each !== name) });
    this.#changed();
  }

  #roleGrant({ name, perm }: NonNullable<AuthChange['roleGrantPermission']>): void {
    if (perm === undefined) throw authError.permissionNotGiven();
    const role = this.#mustRole(name);
    const given = role.keyPermission.some((each) => sameRange(each, perm));
    const keyPermission = given
      ? role.keyPermission.map((each) => (sameRange(each, perm) ? perm : each))
      : [...role.keyPermission, perm].sort((a, b) => a.key.compare(b.key));
    this.#putRole({ ...role, keyPermission });
    this.#changed();
  }

  #roleRevoke({ role: name, key, rangeEnd }: NonNullable<AuthChange['roleRevokePermission']>): void {
    const role = this.#mustRole(name);
    const keyPermission = role.keyPermission.filter((each) => !sameRange(each, { key, rangeEnd }));
    if (keyPermission.length === role.keyPermission.length) throw authError.permissionNotGranted();
    this.#putRole({ ...role, keyPermission });
    this.#changed();
  }

  #mustUser(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw authError.userNotFound();
    return user;
  }

  #mustRole(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw authError.roleNotFound();
    return role;
  }

  #putUser(user: User): void {
    this.#users.set(user.name.toString(), user);
    this.#operations.push({
      type: 'put',
      key: Buffer.concat([userPrefix, user.name]),
      value: userCodec.encode(user),
    });
  }

  #putRole(role: Role): void {
    this.#roles.set(role.name.toString(), role);
    this.#operations.push({
      type: 'put',
      key: Buffer.concat([rolePrefix, role.name]),
      value: roleCodec.encode(role),
    });
  }

  #changed(): void {
    this.#revision++;
    this.#allowed.clear();
    this.#writeSettings();
  }

  #writeSettings(): void {
    const settings: Settings = { enabled: this.#enabled, revision: this.#revision };
    this.#operations.push({
      type: 'put',
      key: settingsKey,
      value: Buffer.from(JSON.stringify(settings)),
    });
  }
}

function sameRange(
  a: Pick<Permission, 'key' | 'rangeEnd'>,
  b: Pick<Permission, 'key' | 'rangeEnd'>,
): boolean {
  return a.key.equals(b.key) && a.rangeEnd.equals(b.rangeEnd);
}
