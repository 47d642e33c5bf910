/**
 * A sandbox's namespaces, made without a process and kept by bind mounts, so that they outlive whoever made them
 * and every container of the pod.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNamespaces, linkUp, setHostname, unshare } from '@timonier/linux/libc';
import { bindMount, unmount } from '@timonier/linux/mount';

export type PinnedKind = 'net' | 'ipc' | 'uts';

/** Makes and pins namespaces in `folder`, one file per kind, and applies what belongs into them. */
export function pinNamespaces(
  folder: string,
  kinds: readonly PinnedKind[],
  options: { readonly hostname: string; readonly sysctls: Readonly<Record<string, string>> },
): { net?: string; ipc?: string; uts?: string } {
  mkdirSync(folder, { recursive: true });
  const paths: { net?: string; ipc?: string; uts?: string } = {};
  for (const kind of kinds) {
    paths[kind] = join(folder, kind);
    closeSync(openSync(join(folder, kind), 'w'));
  }
  if (kinds.length === 0) return paths;
  inNamespaces(
    kinds,
    () => unshare(kinds),
    () => {
      if (kinds.includes('net')) linkUp('lo');
      if (kinds.includes('uts') && options.hostname !== '') setHostname(options.hostname);
      for (const [name, value] of Object.entries(options.sysctls)) {
        writeFileSync(`/proc/sys/${sysctlPath(name)}`, value);
      }
      for (const kind of kinds) bindMount(`/proc/thread-self/ns/${kind}`, join(folder, kind));
    },
  );
  return paths;
}

/** Dots separate, and a slash stands for a dot inside a part, as in interface names. */
function sysctlPath(name: string): string {
  return name.includes('/') && !name.includes('.')
    ? name
    : name.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'));
}

/** Which namespace of a pod a kernel setting belongs to; undefined when it would change the whole host. */
export function sysctlNamespace(name: string): PinnedKind | undefined {
  const path = sysctlPath(name);
  if (path.split('/').includes('..')) return undefined;
  if (path.startsWith('net/')) return 'net';
  if (path.startsWith('fs/mqueue/') || /^kernel\/(?:shm|msg|sem)/.test(path)) return 'ipc';
  if (path === 'kernel/domainname' || path === 'kernel/hostname') return 'uts';
  return undefined;
}

export function unpinNamespaces(folder: string): void {
  for (const kind of ['net', 'ipc', 'uts']) unmount(join(folder, kind), { lazy: true });
  rmSync(folder, { recursive: true, force: true });
}
