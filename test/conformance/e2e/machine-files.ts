/**
 * Files for images out of what this machine has: Debian's programs with the libraries that they ask for, and programs of
 * Debian packages that are not installed, which are downloaded and unpacked but never installed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ImageFile } from '../../../deploy/images/demo.ts';

/** A program of this machine, where it has to be in the image, with all libraries that its loader would look for. */
export function programWithLibraries(file: string, path: string): readonly ImageFile[] {
  return [{ path, content: readFileSync(file), mode: 0o755 }, ...librariesOf(file)];
}

function librariesOf(file: string): readonly ImageFile[] {
  // It ends with 1 for a program that needs none.
  const { stdout: needed } = spawnSync('ldd', [file], { encoding: 'utf8' });
  return [...needed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, library = '']) => ({
    path: library.slice(1),
    content: readFileSync(realpathSync(library)),
    mode: 0o755,
  }));
}

/** Downloads packages and unpacks them into `folder`; nothing is installed. */
export function unpackPackages(names: readonly string[], folder: string): void {
  const downloads = join(folder, '.downloads');
  mkdirSync(downloads, { recursive: true });
  execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...names], {
    cwd: downloads,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for (const archive of globSync('*.deb', { cwd: downloads }))
    execFileSync('dpkg-deb', ['-x', join(downloads, archive), folder]);
}

/** Every file and folder below a folder, where it has to be in the image. */
export function filesBelow(folder: string, at: string): readonly ImageFile[] {
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  return globSync('**', { cwd: folder })
    .sort()
    .flatMap((path): readonly ImageFile[] => {
      const file = join(folder, path);
      if (statSync(file).isDirectory()) return path === '.' ? [] : [{ path: `${at}${path}/` }];
      const { mode } = statSync(file);
      return [{ path: `${at}${path}`, content: readFileSync(file), mode: mode & 0o777 }];
    });
}

/** One layer out of many parts: each path once, the first that names it wins, and every folder before what is in it. */
export function layerOf(...parts: readonly (readonly ImageFile[])[]): readonly ImageFile[] {
  const files = new Map<string, ImageFile>();
  const add = (file: ImageFile): void => {
    const folder = dirname(file.path);
    const known = files.has(file.path) || files.has(`${file.path}/`);
    if (known || basename(file.path) === '.') return;
    if (folder !== '.' && !files.has(`${folder}/`)) add({ path: `${folder}/` });
    files.set(file.path, file);
  };
  for (const file of parts.flat()) add(file);
  return [...files.values()];
}
