/**
 * Mounts: bind, overlay, propagation and what is mounted. Built for code that must be repeatable: undoing a mount
 * that is not there is no error.
 */
import { readFileSync } from 'node:fs';
import { mount, mountFlag, SystemError, umount } from './libc.ts';

export { mount, mountFlag } from './libc.ts';

/** Makes `source` appear at `target`, which must exist and be of the same type (file or folder). */
export function bindMount(
  source: string,
  target: string,
  options: { readonly recursive?: boolean; readonly readonly?: boolean } = {},
): void {
  const recursive = options.recursive === true ? mountFlag.recursive : 0;
  mount(source, target, '', mountFlag.bind | recursive);
  // A bind mount takes its flags only in a second step.
  if (options.readonly === true) {
    mount(source, target, '', mountFlag.bind | mountFlag.remount | mountFlag.readonly);
  }
}

export type Propagation = 'private' | 'slave' | 'shared';

/** Says whether mounts below `target` are seen elsewhere (`shared`), only come in (`slave`), or neither. */
export function setPropagation(target: string, propagation: Propagation, recursive = false): void {
  mount('none', target, '', mountFlag[propagation] | (recursive ? mountFlag.recursive : 0));
}

/**
 * Mounts an overlay: `lower` topmost first. The kernel takes at most one page of options, which bounds the number of
 * layers; the error says so.
 */
export function mountOverlay(
  target: string,
  layers: { readonly lower: readonly string[]; readonly upper: string; readonly work: string },
): void {
  const data = `lowerdir=${layers.lower.join(':')},upperdir=${layers.upper},workdir=${layers.work}`;
  if (Buffer.byteLength(data) >= 4096) {
    throw new SystemError('mount', 'E2BIG', `overlay of ${layers.lower.length} layers on ${target}`);
  }
  mount('overlay', target, 'overlay', 0, data);
}

export function mountTmpfs(
  target: string,
  options: string,
  flags = mountFlag.nosuid | mountFlag.nodev,
): void {
  mount('tmpfs', target, 'tmpfs', flags, options);
}

/** Unmounts; nothing mounted there, or nothing there at all, is fine. Lazy lets open files finish by themselves. */
export function unmount(target: string, options: { readonly lazy?: boolean } = {}): void {
  try {
    umount(target, options);
  } catch (error) {
    if (error instanceof SystemError && (error.code === 'EINVAL' || error.code === 'ENOENT')) return;
    throw error;
  }
}

export interface MountPoint {
  readonly target: string;
  /** The folder of the file system that is visible at the target. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
  /** Options of the file system, such as `cpu` of a cgroup v1 mount. */
  readonly superOptions: readonly string[];
}

/** What is mounted in this process's mount namespace, in order of mounting. */
export function mountPoints(mountInfo = readFileSync('/proc/self/mountinfo', 'utf8')): MountPoint[] {
  return mountInfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const fields = left.split(' ');
      const [type = '', source = '', options = ''] = right.split(' ');
      return {
        root: unescapeOctal(fields[3] ?? ''),
        target: unescapeOctal(fields[4] ?? ''),
        type,
        source: unescapeOctal(source),
        superOptions: options.split(','),
      };
    });
}

export function isMountPoint(path: string): boolean {
  return mountPoints().some((point) => point.target === path);
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
