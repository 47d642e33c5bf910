/** Whether the machine's Go can build the programs, and what to do when it cannot. */

export type Toolchain = { readonly version: string } | { readonly problem: string };

/** What `go env GOVERSION` gave in the folder of a module; undefined when there is no `go` to run. */
export type Answer = { readonly code: number; readonly stdout: string; readonly stderr: string } | undefined;

function parts(version: string): readonly [number, number] {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major), Number(minor)];
}

function isOlder(version: string, than: string): boolean {
  const [[major, minor], [wantedMajor, wantedMinor]] = [parts(version), parts(than)];
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

/** `1.26` of `go 1.26.0`. */
export function neededGo(mod: string): string {
  const needed = /^go (\d+\.\d+)/m.exec(mod)?.[1];
  if (needed === undefined) throw new Error('go.mod does not say which Go it needs');
  return needed;
}

export function judge(answer: Answer, mod: string): Toolchain {
  const needed = neededGo(mod);
  const remedy = `install Go ${needed} or newer (https://go.dev/doc/install) and have \`go\` in PATH`;
  if (answer === undefined) return { problem: `there is no \`go\` on this machine: ${remedy}` };
  const version = answer.stdout.trim();
  // From 1.21 on Go fetches the release that a module asks for, or says why it may not.
  if (answer.code !== 0) return { problem: `this \`go\` is of no use: ${answer.stderr.trim()}; ${remedy}` };
  if (!version.startsWith('go')) return { problem: `\`go\` gives no version but "${version}": ${remedy}` };
  if (isOlder(version, needed))
    return { problem: `\`go\` is ${version.slice(2)}, which is too old: ${remedy}` };
  return { version: version.slice(2) };
}
