/**
 * Puts a set of files into a folder so that a reader sees all old or all new ones: they are written into a fresh
 * folder, and one renamed link `..data` switches over. Visible names are links through `..data`.
 */
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Payload } from './payload.ts';

const dataLink = '..data';

/** Returns whether anything changed. `group` becomes the files' group when given. */
export async function writeAtomically(folder: string, payload: Payload, group?: number): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const current = await readlink(join(folder, dataLink)).catch(() => undefined);
  if (current !== undefined && (await same(join(folder, current), payload))) return false;

  const fresh = await mkdtemp(
    join(folder, `..${new Date().toISOString().replace(/[-:T]/g, '_').slice(0, 19)}.`),
  );
  await chmod(fresh, 0o755);
  for (const [path, { content, mode }] of payload) {
    const target = join(fresh, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    await writeFile(target, content);
    await chmod(target, group === undefined ? mode : mode | 0o040);
    if (group !== undefined) await chown(target, 0, group);
  }
  const link = join(folder, `${dataLink}_tmp`);
  await rm(link, { force: true });
  await symlink(fresh.slice(folder.length + 1), link);
  await rename(link, join(folder, dataLink));

  const names = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  for (const name of names) {
    await symlink(join(dataLink, name), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  for (const entry of await readdir(folder)) {
    if (entry === dataLink || names.has(entry) || join(folder, entry) === fresh) continue;
    await rm(join(folder, entry), { recursive: true, force: true });
  }
  return true;
}

async function same(folder: string, payload: Payload): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  if (entries.filter((entry) => entry.isFile()).length !== payload.size) return false;
  for (const [path, { content }] of payload) {
    const found = await readFile(join(folder, path)).catch(() => undefined);
    if (found === undefined || !found.equals(content)) return false;
  }
  return true;
}
