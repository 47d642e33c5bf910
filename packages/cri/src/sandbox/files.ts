/** The small files a sandbox gives its containers: resolv.conf, hosts, hostname and shared memory. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname as machineName } from 'node:os';
import { join } from 'node:path';
import type { DNSConfig, PodSandboxConfig } from '@timonier/grpc/cri';
import { mountFlag, mountTmpfs, unmount } from '@timonier/linux/mount';
import type { OciMount } from '../runtime/spec.ts';

const shmBytes = 64 * 1024 * 1024;

export function sandboxHostname(config: PodSandboxConfig, hostUts: boolean): string {
  if (hostUts || config.hostname === '') return machineName();
  return config.hostname.slice(0, 63);
}

export function writeSandboxFiles(folder: string, config: PodSandboxConfig, hostname: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'hostname'), `${hostname}\n`);
  for (const name of ['hosts', 'resolv.conf']) {
    try {
      copyFileSync(`/etc/${name}`, join(folder, name));
    } catch {
      writeFileSync(join(folder, name), '');
    }
  }
  const dns = config.dnsConfig;
  if (dns !== undefined) writeFileSync(join(folder, 'resolv.conf'), resolvConf(dns));
}

export function resolvConf(dns: DNSConfig): string {
  return [
    ...(dns.searches.length === 0 ? [] : [`search ${dns.searches.join(' ')}`]),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length === 0 ? [] : [`options ${dns.options.join(' ')}`]),
    '',
  ].join('\n');
}

export function mountSharedMemory(folder: string): void {
  mkdirSync(folder, { recursive: true });
  mountTmpfs(folder, `mode=1777,size=${shmBytes}`, mountFlag.nosuid | mountFlag.nodev | mountFlag.noexec);
}

export function unmountSharedMemory(folder: string): void {
  unmount(folder, { lazy: true });
  rmSync(folder, { recursive: true, force: true });
}

/** What containers of the sandbox get mounted unless they bring their own. */
export function sandboxMounts(folder: string, sharedMemory: string): OciMount[] {
  const file = (name: string): OciMount => ({
    destination: `/etc/${name}`,
    type: 'bind',
    source: join(folder, name),
    options: ['rbind', 'rprivate', 'rw'],
  });
  return [
    { destination: '/dev/shm', type: 'bind', source: sharedMemory, options: ['rbind', 'rprivate', 'rw'] },
    file('hosts'),
    file('hostname'),
    file('resolv.conf'),
  ];
}
