/**
 * `npm run peers [-- NAME…] [--list]`: builds the real programs of Kubernetes and etcd, all or those named, that tests and
 * benchmarks put beside ours. Does nothing for those that are up to date. Exit code 1 when one cannot be built, 2 for a
 * wrong command line.
 */
import { parseArgs } from 'node:util';
import { BuildError, buildProgram, toolchainFor } from './build.ts';
import { stopGo } from './go.ts';
import { builtFolder, isUpToDate, peer } from './peer.ts';
import { isProgramName, programNames, type ProgramName, programs, versionOf } from './programs.ts';
import { Progress } from './progress.ts';

const usage = `usage: npm run peers [-- NAME…] [--list]
programs: ${programNames.join(', ')}`;

/** Those to build, or undefined to list all. */
function wanted(): readonly ProgramName[] | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { list: { type: 'boolean', default: false } },
  });
  const names = positionals.map((name) => {
    if (!isProgramName(name)) throw new Error(`there is no program "${name}"`);
    return name;
  });
  if (values.list) return undefined;
  return names.length > 0 ? names : programNames;
}

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

async function main(): Promise<number> {
  let names;
  try {
    names = wanted();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  if (names === undefined) {
    list();
    return 0;
  }
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

process.exitCode = await main();
