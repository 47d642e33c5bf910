/**
 * Builds one program: asks Go for the packages, which downloads modules that are missing, compiles them, and puts the
 * program where `peer` finds it. Invariant: a program at its place is whole, and its fingerprint was written after it.
 */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { runGo } from './go.ts';
import { builtFolder, isUpToDate, programFile, stampFile } from './peer.ts';
import { moduleFiles, moduleFolder, type ProgramName, programs, versionOf } from './programs.ts';
import type { Progress } from './progress.ts';
import { buildArguments, buildEnvironment, fingerprint, listArguments } from './recipe.ts';
import { judge, type Toolchain } from './toolchain.ts';

/** What a person has to do something about. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

export async function toolchainFor(name: ProgramName): Promise<Toolchain> {
  const { module } = programs[name];
  const answer = await runGo(['env', 'GOVERSION'], moduleFolder(module));
  return judge(
    answer === undefined ? undefined : { code: answer.code, stdout: answer.stdout, stderr: answer.complaint },
    moduleFiles(module).mod,
  );
}

async function go(
  name: ProgramName,
  args: readonly string[],
  onLine: (line: string) => boolean,
): Promise<string> {
  const done = await runGo(args, moduleFolder(programs[name].module), onLine, buildEnvironment(name));
  if (done === undefined) throw new BuildError('there is no `go` on this machine any more');
  if (done.code !== 0)
    throw new BuildError(`${name}: \`go ${args[0]}\` ended with ${done.code}:\n${done.complaint}`);
  return done.stdout;
}

/** Whether there was anything to do. */
export async function buildProgram(name: ProgramName, progress: Progress): Promise<boolean> {
  const { module } = programs[name];
  if (isUpToDate(name)) {
    progress.ended(`${name} ${versionOf(module)} is built already: ${programFile(name)}`);
    return false;
  }
  const files = moduleFiles(module);
  const title = `${name} ${versionOf(module)}`;
  let modules = 0;
  const isDownload = (line: string): boolean => {
    const [, what] = /^go: downloading (\S+)/.exec(line) ?? [];
    if (what !== undefined) progress.is(`${title}: downloading its modules, ${++modules}: ${what}`);
    return what !== undefined;
  };
  progress.is(`${title}: looking for its packages`);
  const packages = new Set(
    (await go(name, listArguments(name), isDownload)).split('\n').filter((line) => line !== ''),
  );
  let compiled = 0;
  const isPackage = (line: string): boolean => {
    if (!packages.has(line)) return isDownload(line);
    progress.is(`${title}: compiled ${++compiled} of at most ${packages.size} packages`);
    return true;
  };
  await mkdir(builtFolder, { recursive: true });
  const unfinished = `${programFile(name)}.unfinished`;
  try {
    await go(name, buildArguments(name, files, unfinished), isPackage);
    await rm(stampFile(name), { force: true });
    await rename(unfinished, programFile(name));
  } finally {
    await rm(unfinished, { force: true });
  }
  await writeFile(stampFile(name), fingerprint(name, files));
  const { size } = await stat(programFile(name));
  progress.ended(`${title}: built, ${Math.round(size / 1024 / 1024)} MiB: ${programFile(name)}`);
  return true;
}
