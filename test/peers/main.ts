/**
 * `npm run peers`: builds the real programs of Kubernetes and etcd, the usual ones or those named, that tests and benchmarks put
 * beside ours. Does nothing for those that are up to date. Exit code 1 when one cannot be built.
 */
import { booleanFlag, defineProgram } from '@timonier/component';
import { BuildError, buildProgram, toolchainFor } from './build.ts';
import { stopGo } from './go.ts';
import { builtFolder, isUpToDate, peer } from './peer.ts';
import {
  isProgramName,
  programNames,
  type ProgramName,
  programs,
  usualNames,
  versionOf,
} from './programs.ts';
import { Progress } from './progress.ts';

function list(): void {
  for (const name of programNames) {
    const found = peer(name);
    const where = 'missing' in found ? found.missing : found.file;
    console.log(`${name} ${versionOf(programs[name].module)}: ${where}`);
  }
}

async function build(names: readonly ProgramName[]): Promise<void> {
  const [first] = names.filter((name) => !isUpToDate(name));
  if (first !== undefined) {
    const toolchain = await toolchainFor(first);
    if ('problem' in toolchain) throw new BuildError(toolchain.problem);
    console.log(
      `building with Go ${toolchain.version} at the lowest priority, into ${builtFolder}\n` +
        'The first time, up to 280 MB of modules are downloaded, and all of Kubernetes takes many minutes and 5 GB on disk.',
    );
  }
  for (const name of names) await buildProgram(name, new Progress(process.stdout));
}

async function buildAll(names: readonly ProgramName[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stopGo(signal);
      process.exitCode = 1;
    });
  try {
    await build(names);
    return 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`peers: ${error.message}`);
    return 1;
  }
}

const peers = defineProgram({
  call: 'npm run peers --',
  usage: '[NAME…] [--list]',
  summary:
    'builds the real programs of Kubernetes and etcd with Go, for comparison; by default all but those of upstream’s own suite',
  examples: [
    'npm run peers',
    'npm run peers -- kube-apiserver etcd',
    'npm run peers -- e2e.test agnhost nonewprivs sample-apiserver',
    'npm run peers -- --list',
  ],
  choice: {
    what: 'program',
    known: Object.fromEntries(programNames.map((name) => [name, versionOf(programs[name].module)])),
    mayRepeat: true,
  },
  flags: { list: booleanFlag(false, 'only say which there are, and where') },
  run: async ({ flags, positional }) => {
    const names = positional.filter(isProgramName);
    if (!flags.list) return buildAll(names.length > 0 ? names : usualNames);
    list();
    return 0;
  },
});

process.exitCode = await peers(process.argv.slice(2));
