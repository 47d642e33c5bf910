/**
 * What the first process of a host does before it becomes the supervisor: a shell script that turns fresh
 * namespaces into something that looks like a machine of its own. /etc and /var are overlays whose changes live in
 * memory, /run is empty, and the paths that components keep data in are bound to the host's folder of the data
 * directory, so that every component uses the same default paths as on a VM.
 */
import type { ClusterPlan, HostPlan } from '../cluster/plan.ts';
import type { CgroupLayout } from './cgroups.ts';

/** Folder of the host's data, and where it appears on the host. */
export const dataMounts: readonly (readonly [folder: string, target: string])[] = [
  ['timonier', '/var/lib/timonier'],
  ['kubelet', '/var/lib/kubelet'],
  ['containerd', '/var/lib/containerd'],
  ['cni', '/var/lib/cni'],
  ['cni-config', '/etc/cni/net.d'],
  ['pod-logs', '/var/log/pods'],
  ['container-logs', '/var/log/containers'],
  ['logs', '/var/log/timonier'],
  ['config', '/etc/timonier'],
];

export interface BootOptions {
  readonly plan: ClusterPlan;
  readonly host: HostPlan;
  readonly hostDir: string;
  /** Root of the program's own files, which must stay visible whatever is mounted over /var and /etc. */
  readonly programRoot: string;
  readonly cgroups: CgroupLayout;
  /** The supervisor's command line. */
  readonly command: readonly string[];
}

export function bootScript(options: BootOptions): string {
  const { plan, host, hostDir, cgroups } = options;
  const neighbours = plan.hosts.map(({ name, address }) => `${address}\t${name}`).join('\n');
  const lines = [
    'set -e',
    'mount -t proc -o nosuid,nodev,noexec proc /proc',
    'mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs /run',
    'mkdir -p /run/netns /run/lock /run/timonier /run/.host/data /run/.host/program',
    'chmod 0700 /run/timonier /run/.host',
    `mount --bind ${quote(hostDir)} /run/.host/data`,
    `mount --bind ${quote(options.programRoot)} /run/.host/program`,
    'mkdir /run/.host/overlay',
    'mount -t tmpfs -o mode=0755 tmpfs /run/.host/overlay',
    'for d in etc var; do',
    '  mkdir /run/.host/overlay/$d /run/.host/overlay/$d.work',
    '  mount -t overlay -o lowerdir=/$d,upperdir=/run/.host/overlay/$d,workdir=/run/.host/overlay/$d.work overlay /$d',
    'done',
    ...dataMounts.map(
      ([folder, target]) => `mkdir -p ${target}; mount --bind /run/.host/data/${folder} ${target}`,
    ),
    `if [ ! -e ${quote(`${options.programRoot}/package.json`)} ]; then`,
    `  mkdir -p ${quote(options.programRoot)}; mount --bind /run/.host/program ${quote(options.programRoot)}`,
    'fi',
    'cp -L /etc/resolv.conf /run/.host/resolv.conf 2>/dev/null || : > /run/.host/resolv.conf',
    'rm -f /etc/resolv.conf /etc/hosts /etc/hostname || :',
    'cp /run/.host/resolv.conf /etc/resolv.conf',
    `printf '%s\\n' ${quote(`127.0.0.1\tlocalhost\n${neighbours}`)} > /etc/hosts`,
    `echo ${host.name} > /etc/hostname`,
    `echo ${host.name} > /proc/sys/kernel/hostname`,
    ...cgroupMounts(cgroups),
    ...['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'].map(
      (setting) => {
        const [name = '', value = ''] = setting.split('=');
        return `echo ${value} > /proc/sys/${name.replaceAll('.', '/')}`;
      },
    ),
    'ip -batch - <<END',
    'link set lo up',
    'link set eth0 up',
    `addr add ${host.address}/24 dev eth0`,
    `route add default via ${plan.gateway}`,
    'END',
    'cd /',
    `exec ${options.command.map(quote).join(' ')}`,
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

function cgroupMounts(layout: CgroupLayout): readonly string[] {
  // The machine's own mounts go, so that nobody (crun refuses a hybrid layout) finds more than this host's subtree.
  const sys = ['umount -R -l /sys', 'mount -t sysfs -o nosuid,nodev,noexec sysfs /sys'];
  if (layout.version === 2) {
    return [
      ...sys,
      'mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup',
      // v2 allows processes only in leaves, so the supervisor moves into one before controllers are handed down.
      'mkdir -p /sys/fs/cgroup/init',
      'echo 0 > /sys/fs/cgroup/init/cgroup.procs',
      'for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo +$c > /sys/fs/cgroup/cgroup.subtree_control || :; done',
    ];
  }
  return [
    ...sys,
    'mount -t tmpfs -o mode=0755,nosuid,nodev,noexec tmpfs /sys/fs/cgroup',
    ...layout.hierarchies.map(
      ({ directory, option }) =>
        `mkdir /sys/fs/cgroup/${directory}; mount -t cgroup -o nosuid,nodev,noexec,${option} cgroup /sys/fs/cgroup/${directory}`,
    ),
  ];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
