/**
 * The default system call filter. Everything is allowed but what reaches beyond a container: kernel modules, clocks,
 * mounts and namespaces, tracing the kernel, key rings, raw ports, io_uring. What needs a capability anyway comes
 * back with that capability.
 */
import { readFileSync } from 'node:fs';
import { CriError, criStatus } from '@timonier/grpc/cri';

const always =
  'add_key request_key keyctl create_module get_kernel_syms query_module kexec_load kexec_file_load nfsservctl uselib ustat sysfs _sysctl vm86 vm86old userfaultfd io_uring_setup io_uring_enter io_uring_register kcmp lookup_dcookie quotactl quotactl_fd';

const byCapability: Readonly<Record<string, string>> = {
  CAP_SYS_MODULE: 'init_module finit_module delete_module',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64 clock_adjtime clock_adjtime64',
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_RAWIO: 'ioperm iopl',
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_ADMIN:
    'mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick pivot_root setns unshare swapon swapoff name_to_handle_at fanotify_init',
};

// Namespace flags of clone(2): all but threads' sharing flags.
const namespaceFlags = 0x7e02_0000;

export function defaultSeccomp(capabilities: readonly string[]): object {
  const held = new Set(capabilities);
  const denied = always.split(' ');
  for (const [capability, calls] of Object.entries(byCapability)) {
    // Both were part of CAP_SYS_ADMIN before they had names of their own.
    const covered = held.has('CAP_SYS_ADMIN') && (capability === 'CAP_BPF' || capability === 'CAP_PERFMON');
    if (!held.has(capability) && !covered) denied.push(...calls.split(' '));
  }
  const syscalls: object[] = [{ names: denied, action: 'SCMP_ACT_ERRNO', errnoRet: 1 }];
  if (!held.has('CAP_SYS_ADMIN')) {
    for (let bit = 1; bit <= namespaceFlags && bit > 0; bit *= 2) {
      if ((namespaceFlags & bit) === 0) continue;
      const args = [{ index: 0, value: bit, valueTwo: bit, op: 'SCMP_CMP_MASKED_EQ' }];
      syscalls.push({ names: ['clone'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, args });
    }
    // Its flags are in memory, where a filter cannot look; ENOSYS makes libraries use clone instead.
    syscalls.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  }
  const architectures =
    process.arch === 'x64'
      ? ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
      : ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'];
  return { defaultAction: 'SCMP_ACT_ALLOW', architectures, syscalls };
}

/** A filter that an administrator has put on this host, as JSON in the form of the OCI runtime specification. */
export function seccompFromFile(path: string): object {
  try {
    const { defaultAction, architectures, flags, syscalls } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Record<string, unknown>;
    if (typeof defaultAction !== 'string') throw new Error('it has no defaultAction');
    return { defaultAction, architectures, flags, syscalls };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CriError(criStatus.INVALID_ARGUMENT, `seccomp profile ${path} cannot be used: ${why}`, {
      cause: error,
    });
  }
}
