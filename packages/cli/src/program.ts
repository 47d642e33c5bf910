/**
 * Where this program's own files are and how to run it again: the same Node and the same entry, be it the bundle or
 * the sources.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The command line that runs `timonier`, without arguments of its own. */
export function programCommand(): readonly string[] {
  const running = process.argv[1] ?? '';
  const isEntry = ['main.ts', 'timonier.js'].includes(basename(running));
  return [process.execPath, isEntry ? running : join(programRoot(), 'packages/cli/src/main.ts')];
}

let root: string | undefined;

/** The folder that holds `package.json`, `node_modules` and either `dist` or `packages`. */
export function programRoot(): string {
  if (root !== undefined) return root;
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package-lock.json'))) return (root = folder);
  }
  throw new Error('cannot find the folder this program was installed in');
}
