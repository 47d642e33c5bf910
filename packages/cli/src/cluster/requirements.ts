/**
 * The programs of other packages that a local cluster needs, and where Debian has them.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeName } from '@timonier/worker/host-config';

const always = {
  ip: 'iproute2',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
};
const byRuntime: Readonly<Record<RuntimeName, Readonly<Record<string, string>>>> = {
  timonier: { crun: 'crun', conmon: 'conmon' },
  containerd: { containerd: 'containerd', ctr: 'containerd', crun: 'crun' },
};
const files = { '/usr/lib/cni/bridge': 'containernetworking-plugins', '/bin/busybox': 'busybox-static' };
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'.split(':');

/** One sentence naming what is missing and how to get it, or undefined when all is there. */
export function missingPrograms(runtime: RuntimeName): string | undefined {
  const packages = new Set<string>();
  const programs = new Set<string>();
  for (const [program, debianPackage] of Object.entries({ ...always, ...byRuntime[runtime] })) {
    if (searchPath.some((folder) => executable(join(folder, program)))) continue;
    programs.add(program);
    packages.add(debianPackage);
  }
  for (const [file, debianPackage] of Object.entries(files)) {
    if (executable(file)) continue;
    programs.add(file);
    packages.add(debianPackage);
  }
  if (packages.size === 0) return undefined;
  return `missing: ${[...programs].join(', ')}; install with: apt-get install ${[...packages].join(' ')}`;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
