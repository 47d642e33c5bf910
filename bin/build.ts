/**
 * Bundles the executable: one entry that loads each subcommand as a chunk of its own, so that a process reads only
 * what it needs, and one file per worker thread. Packages with native code stay outside the bundle.
 */
import { rm } from 'node:fs/promises';
import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { defineProgram } from '@timonier/component';

const root = fileURLToPath(new URL('../', import.meta.url));

async function workerFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const name of await readdir(join(root, 'packages'))) {
    const entries = await readdir(join(root, 'packages', name, 'src'), { recursive: true }).catch(() => []);
    files.push(
      ...entries
        .filter((file) => file.endsWith('.worker.ts'))
        .map((file) => join(root, 'packages', name, 'src', file)),
    );
  }
  const names = files.map((file) => basename(file));
  if (new Set(names).size !== names.length)
    throw new Error(`two worker files have one name: ${names.join(', ')}`);
  return files;
}

/** Chunks all lie in one folder, so a worker is found beside its chunk, by its bundled name. */
const workerUrls: Plugin = {
  name: 'worker-urls',
  setup(builder) {
    builder.onLoad({ filter: /packages\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => {
      const contents = (await readFile(path, 'utf8')).replaceAll(
        /new URL\('(?:\.{1,2}\/)+(?:[\w-]+\/)*([\w-]+\.worker)\.ts', import\.meta\.url\)/g,
        (_match, name: string) => `new URL('./${name}.js', import.meta.url)`,
      );
      return { contents, loader: 'ts' };
    });
  },
};

async function bundle(): Promise<number> {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await build({
    entryPoints: [
      { in: join(root, 'packages/cli/src/main.ts'), out: 'timonier' },
      ...(await workerFiles()).map((file) => ({ in: file, out: basename(file, '.ts') })),
    ],
    outdir: join(root, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: '[name]-[hash]',
    external: ['classic-level', 'koffi', 'kubernetes-models'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [workerUrls],
  });
  return 0;
}

const builder = defineProgram({
  call: 'npm run build',
  summary: 'bundles the sources into dist, which bin/timonier runs when it is there',
  examples: ['npm run build'],
  flags: {},
  run: bundle,
});

process.exitCode = await builder(process.argv.slice(2));
