/** `/etc/hosts` of a pod: one file that all of its containers share. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@timonier/api';
import { podHostname } from './sandbox-config.ts';

/** Writes the file and returns its path. Pods in the host's network start from the host's own file. */
export async function hostsFile(pod: Pod, podIps: readonly string[], podDirectory: string): Promise<string> {
  const path = join(podDirectory, 'etc-hosts');
  const base =
    pod.spec?.hostNetwork === true
      ? await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n')
      : ownHosts(pod, podIps);
  const aliases = (pod.spec?.hostAliases ?? []).map(
    ({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`,
  );
  const tail = aliases.length === 0 ? '' : `\n# From the pod's hostAliases.\n${aliases.join('\n')}\n`;
  await mkdir(podDirectory, { recursive: true, mode: 0o750 });
  // Written in place: running containers see the same file.
  await writeFile(path, `${base}${tail}`, { mode: 0o644 });
  return path;
}

function ownHosts(pod: Pod, podIps: readonly string[]): string {
  const hostname = podHostname(pod);
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...podIps.map((ip) => `${ip}\t${hostname}`),
  ];
  return `${lines.join('\n')}\n`;
}
