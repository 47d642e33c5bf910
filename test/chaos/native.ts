/** Builds the small C programs of this folder with the machine's compiler, once a run. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = fileURLToPath(new URL('./', import.meta.url));

const nativeSources = {
  slowDisk: { source: 'native/slow-disk.c', kind: 'program' },
  clockStep: { source: 'native/clock-step.c', kind: 'library' },
  lostPageCache: { source: 'lost-page-cache.c', kind: 'library' },
} as const;

/** Compiles into `folder` and resolves with the path of the program or preload library. */
export async function buildNative(name: keyof typeof nativeSources, folder: string): Promise<string> {
  const { source, kind } = nativeSources[name];
  const target = join(folder, kind === 'library' ? `${name}.so` : name);
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror'];
  if (kind === 'library') flags.push('-shared', '-fPIC');
  try {
    await promisify(execFile)('gcc', [...flags, '-o', target, join(here, source), '-ldl', '-pthread'], {
      timeout: 60_000,
    });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Error(
      missing
        ? 'gcc is missing: install the Debian packages gcc and libc6-dev, or run `sh bin/bootstrap --test`'
        : `gcc cannot build ${source}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  return target;
}
