/**
 * How a program is built, as plain data: the arguments for `go`, what its environment says, and a fingerprint of everything that decides what
 * comes out. A program is built again when its fingerprint is another one than that beside it.
 */
import { createHash } from 'node:crypto';
import { type ModuleFiles, type ModuleName, type ProgramName, programOf, versionOf } from './programs.ts';

/**
 * Go takes no more than the committed files allow: a missing checksum is an error and not an entry that is added. The
 * state of our repository is not that of the program.
 */
const flags: readonly string[] = ['-mod=readonly', '-buildvcs=false'];

/** What upstream's release script tells the linker: no symbols for debuggers, and the version that `--version` prints. */
function linkerFlags(module: ModuleName, mod: string): string {
  const strip = '-s -w';
  if (module !== 'kubernetes') return strip;
  const version = versionOf(module, mod);
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const facts = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];
  const settings = packages.flatMap((path) =>
    Object.entries(facts).map(([name, value]) => `-X ${path}.${name}=${value}`),
  );
  return [strip, ...settings].join(' ');
}

export function buildArguments(name: ProgramName, { mod }: ModuleFiles, output: string): string[] {
  const program = programOf(name);
  // To a test, -v is about what it prints when it runs.
  const how = program.isTest === true ? ['test', '-c'] : ['build', '-v'];
  return [...how, ...flags, `-ldflags=${linkerFlags(program.module, mod)}`, '-o', output, program.package];
}

/** Lists every package that goes into the program, and downloads the modules that are missing. */
export function listArguments(name: ProgramName): string[] {
  const { isTest = false, package: path } = programOf(name);
  return ['list', '-deps', ...(isTest ? ['-test'] : []), ...flags, '-f', '{{.ImportPath}}', path];
}

export function buildEnvironment(name: ProgramName): Readonly<Record<string, string>> {
  return programOf(name).isStatic === true ? { CGO_ENABLED: '0' } : {};
}

export function fingerprint(name: ProgramName, files: ModuleFiles): string {
  const hash = createHash('sha256');
  const environment = Object.entries(buildEnvironment(name)).flat();
  for (const part of [files.mod, files.sum, ...buildArguments(name, files, ''), ...environment])
    hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}
