/**
 * Builds the OCI runtime configuration of containers. Pure but for looking at the kernel's and the image's files:
 * everything that was decided comes in, the JSON that crun and runc read goes out.
 */
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerConfig, Mount, SecurityProfile } from '@timonier/grpc/cri';
import { chooseCapabilities } from './capabilities.ts';
import { ociResources } from './resources.ts';
import { defaultSeccomp, seccompFromFile } from './seccomp.ts';

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface SpecInput {
  readonly config: ContainerConfig;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly rootfs: string;
  readonly hostname: string;
  /** Namespaces to join; a kind that is missing is the host's, one without a path is new. */
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  readonly cgroup: string;
  readonly oomScore: number | undefined;
  readonly availableCapabilities: ReadonlySet<string>;
  /** Files the sandbox supplies, such as resolv.conf; the pod's own mounts win. */
  readonly sandboxMounts: readonly OciMount[];
  readonly annotations: Readonly<Record<string, string>>;
}

const defaultMasked =
  '/proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap'.split(
    ' ',
  );
const defaultReadonly = '/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger'.split(' ');

export function containerSpec(input: SpecInput): object {
  const { config } = input;
  const security = config.linux?.securityContext;
  const privileged = security?.privileged === true;
  const capabilities = chooseCapabilities(
    {
      privileged,
      add: security?.capabilities?.addCapabilities ?? [],
      drop: security?.capabilities?.dropCapabilities ?? [],
    },
    input.availableCapabilities,
  );
  const ambient = security?.capabilities?.addAmbientCapabilities ?? [];
  // Who is not root keeps capabilities over exec only if they are ambient; the bounding set still limits setuid files.
  const effective =
    input.user.uid === 0 ? capabilities : ambient.filter((name) => capabilities.includes(name));
  const devices = privileged ? hostDevices() : config.devices.flatMap((device) => namedDevices(device));
  const seccomp = seccompFilter(privileged, security?.seccomp, capabilities);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: config.tty,
      user: input.user,
      args: input.args,
      env: input.env,
      cwd: input.cwd,
      capabilities: {
        bounding: capabilities,
        effective,
        permitted: effective,
        ...(ambient.length === 0 ? {} : { inheritable: ambient, ambient }),
      },
      noNewPrivileges: security?.noNewPrivs === true,
      ...(input.oomScore === undefined ? {} : { oomScoreAdj: input.oomScore }),
    },
    root: { path: input.rootfs, readonly: security?.readonlyRootfs === true },
    hostname: input.namespaces.some(({ type, path }) => type === 'uts' && path === undefined)
      ? input.hostname
      : undefined,
    mounts: mounts(input, privileged),
    annotations: input.annotations,
    linux: {
      namespaces: input.namespaces,
      cgroupsPath: input.cgroup,
      resources: {
        ...ociResources(config.linux?.resources),
        devices: privileged
          ? [{ allow: true, access: 'rwm' }]
          : [
              { allow: false, access: 'rwm' },
              ...devices.map(({ type, major, minor, access }) => ({
                allow: true,
                type,
                major,
                minor,
                access,
              })),
            ],
      },
      devices: devices.map(({ access: _access, ...device }) => device),
      ...(seccomp === undefined ? {} : { seccomp }),
      // A pod that names its paths gets exactly those; "unmasked" is the empty list of a privileged one.
      maskedPaths: privileged ? [] : chosen(security?.maskedPaths, defaultMasked),
      readonlyPaths: privileged ? [] : chosen(security?.readonlyPaths, defaultReadonly),
      ...(config.mounts.some(({ propagation }) => propagation === 'PROPAGATION_BIDIRECTIONAL')
        ? { rootfsPropagation: 'rshared' }
        : config.mounts.some(({ propagation }) => propagation === 'PROPAGATION_HOST_TO_CONTAINER')
          ? { rootfsPropagation: 'rslave' }
          : {}),
    },
  };
}

function seccompFilter(
  privileged: boolean,
  profile: SecurityProfile | undefined,
  capabilities: readonly string[],
): object | undefined {
  if (privileged || profile?.profileType === 'Unconfined') return undefined;
  return profile?.profileType === 'Localhost'
    ? seccompFromFile(profile.localhostRef)
    : defaultSeccomp(capabilities);
}

function chosen(wish: readonly string[] | undefined, otherwise: readonly string[]): readonly string[] {
  return wish === undefined || wish.length === 0 ? otherwise : wish;
}

function mounts(input: SpecInput, privileged: boolean): OciMount[] {
  const own = input.config.mounts.map(bindOf);
  const named = new Set(own.map(({ destination }) => destination));
  return [
    ...kernelMounts(privileged),
    ...input.sandboxMounts.filter(({ destination }) => !named.has(destination)),
    // Parents before children, so that no mount hides another.
    ...own.toSorted((a, b) => depth(a.destination) - depth(b.destination)),
  ].filter(({ destination, type }) => type === 'bind' || !named.has(destination));
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}

function kernelMounts(privileged: boolean): OciMount[] {
  const sys = privileged ? 'rw' : 'ro';
  const safe = ['nosuid', 'noexec', 'nodev'];
  const pts = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: safe },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: pts },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, sys] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...safe, 'relatime', sys] },
  ];
}

const propagationOption = {
  PROPAGATION_PRIVATE: 'rprivate',
  PROPAGATION_HOST_TO_CONTAINER: 'rslave',
  PROPAGATION_BIDIRECTIONAL: 'rshared',
} as const;

function bindOf(mount: Mount): OciMount {
  const access = mount.readonly ? (mount.recursiveReadOnly ? 'rro' : 'ro') : 'rw';
  const options = ['rbind', propagationOption[mount.propagation], access];
  return {
    destination: mount.containerPath,
    type: 'bind',
    source: mount.hostPath,
    options: [...options, ...mount.mountOptions],
  };
}

interface DeviceNode {
  readonly path: string;
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly access: string;
}

function namedDevices(device: {
  containerPath: string;
  hostPath: string;
  permissions: string;
}): DeviceNode[] {
  const node = deviceAt(device.hostPath, device.containerPath, device.permissions || 'rwm');
  if (node === undefined) throw new Error(`${device.hostPath} is not a device`);
  return [node];
}

/** Every device a privileged container sees: those of this machine, terminals and shared memory excepted. */
function hostDevices(folder = '/dev', level = 0): DeviceNode[] {
  const found: DeviceNode[] = [];
  const skipped = new Set(['pts', 'shm', 'mqueue', 'fd', 'console', 'ptmx', 'hugepages']);
  for (const name of readdirSync(folder)) {
    if (skipped.has(name) || level > 3) continue;
    const path = join(folder, name);
    let stat;
    try {
      stat = lstatSync(path);
    } catch {
      // Devices come and go.
      continue;
    }
    if (stat.isDirectory()) found.push(...hostDevices(path, level + 1));
    else if (stat.isCharacterDevice() || stat.isBlockDevice()) {
      const node = deviceAt(path, path, 'rwm');
      if (node !== undefined) found.push(node);
    }
  }
  return found;
}

function deviceAt(hostPath: string, path: string, access: string): DeviceNode | undefined {
  const stat = statSync(hostPath);
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined;
  const major = ((stat.rdev >>> 8) & 0xfff) | (Math.floor(stat.rdev / 2 ** 32) & ~0xfff);
  const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00);
  const type = stat.isBlockDevice() ? 'b' : 'c';
  return { path, type, major, minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid, access };
}

/** The configuration of a sandbox's pause process: a static busybox on a root of its own, with nothing to do. */
export function pauseSpec(input: {
  readonly rootfs: string;
  readonly hostname: string;
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  readonly cgroup: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly oomScore: number;
}): object {
  // As first process of a shared PID namespace it must reap what others leave behind: `wait` does.
  const script = 'trap "exit 0" TERM; while :; do /busybox sleep 2147483 & wait; done';
  const shared = input.namespaces.some(({ type }) => type === 'pid');
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 65535, gid: 65535 },
      args: shared ? ['/busybox', 'sh', '-c', script] : ['/busybox', 'sleep', '2147483647'],
      env: ['PATH=/'],
      cwd: '/',
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
      oomScoreAdj: input.oomScore,
    },
    root: { path: input.rootfs, readonly: true },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] }],
    annotations: input.annotations,
    linux: {
      namespaces: [{ type: 'mount' }, ...input.namespaces],
      cgroupsPath: input.cgroup,
      resources: { devices: [{ allow: false, access: 'rwm' }], cpu: { shares: 2 } },
      maskedPaths: defaultMasked,
      readonlyPaths: defaultReadonly,
    },
  };
}
