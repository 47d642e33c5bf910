/**
 * Paths inside a folder that somebody else filled: symbolic links are followed as if the folder were the root, so
 * that no name, however it is made, leads outside. Nobody else may change the folder meanwhile.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const maxLinks = 40;

/**
 * The real place of `name` below `root`, with every link on the way followed (the last one only on demand). Parts
 * that do not exist stay as they are. Throws ELOOP after too many links.
 */
export function scopedPath(root: string, name: string, options: { readonly followLast: boolean }): string {
  const pending = parts(name).reverse();
  const resolved: string[] = [];
  for (let links = 0; ;) {
    const part = pending.pop();
    if (part === undefined) return join(root, ...resolved);
    if (part === '..') {
      resolved.pop();
      continue;
    }
    const target =
      pending.length > 0 || options.followLast ? linkTarget(join(root, ...resolved, part)) : undefined;
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    if (++links > maxLinks) throw Object.assign(new Error(`too many links in ${name}`), { code: 'ELOOP' });
    if (target.startsWith('/')) resolved.length = 0;
    pending.push(...parts(target).reverse());
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
