/**
 * Who a container runs as: numbers and names of the image's own `/etc/passwd` and `/etc/group`, in the forms
 * `user`, `uid`, `user:group` and their mixtures.
 */
import { readFileSync } from 'node:fs';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { scopedPath } from './scoped-path.ts';

export interface UserWish {
  /** From the image's config; the request's own fields win. */
  readonly imageUser: string;
  readonly uid?: number;
  readonly username?: string;
  readonly gid?: number;
  readonly supplementalGroups: readonly number[];
  /** Whether the groups that the image's `/etc/group` lists for the user are added. */
  readonly mergeImageGroups: boolean;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Resolves against the root file system at `rootfs`. Throws NOT_FOUND when a name is unknown there. */
export function resolveUser(rootfs: string, wish: UserWish): ResolvedUser {
  const users = readTable(rootfs, '/etc/passwd').map(([name = '', , uid, gid, , home = '']): PasswdEntry => ({
    name,
    uid: Number(uid),
    gid: Number(gid),
    home,
  }));
  const groups = readTable(rootfs, '/etc/group').map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid),
    members: members.split(','),
  }));
  const [imageUser = '', imageGroup = ''] = wish.imageUser.split(':');
  const named = wish.username !== undefined && wish.username !== '' ? wish.username : undefined;
  const user = wish.uid === undefined ? (named ?? imageUser) : String(wish.uid);
  const entry = findUser(users, user);
  const useImageGroup = wish.uid === undefined && named === undefined && imageGroup !== '';
  const gid = wish.gid ?? (useImageGroup ? findGroup(groups, imageGroup) : (entry?.gid ?? 0));
  const fromImage = wish.mergeImageGroups
    ? groups
        .filter((group) => entry !== undefined && group.members.includes(entry.name))
        .map((group) => group.gid)
    : [];
  return {
    uid: entry?.uid ?? (user === '' ? 0 : Number(user)),
    gid,
    additionalGids: [...new Set([gid, ...wish.supplementalGroups, ...fromImage])],
    home: entry === undefined || entry.home === '' ? '/' : entry.home,
  };
}

function findUser(users: readonly PasswdEntry[], user: string): PasswdEntry | undefined {
  if (user === '') return users.find((entry) => entry.uid === 0);
  if (/^\d+$/.test(user)) return users.find((entry) => entry.uid === Number(user));
  const entry = users.find(({ name }) => name === user);
  if (entry === undefined) {
    throw new CriError(criStatus.NOT_FOUND, `user "${user}" is not in the image's /etc/passwd`);
  }
  return entry;
}

function findGroup(groups: readonly { name: string; gid: number }[], group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const entry = groups.find(({ name }) => name === group);
  if (entry === undefined) {
    throw new CriError(criStatus.NOT_FOUND, `group "${group}" is not in the image's /etc/group`);
  }
  return entry.gid;
}

function readTable(rootfs: string, file: string): string[][] {
  try {
    return readFileSync(scopedPath(rootfs, file, { followLast: true }), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(':'));
  } catch {
    // An image without the file knows no names.
    return [];
  }
}
