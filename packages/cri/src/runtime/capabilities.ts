/**
 * Which capabilities a container gets: a default set, what the pod adds and drops, `ALL`, and never more than this
 * process may hand out itself.
 */
import { readFileSync } from 'node:fs';

// By number, as in the kernel's header.
const names =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
    .split(' ')
    .map((name) => `CAP_${name}`);

const defaults =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** Reads the bounding set out of the text of a `/proc/PID/status`. */
export function boundingSet(status = readFileSync('/proc/self/status', 'utf8')): ReadonlySet<string> {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return new Set(names.filter((_name, bit) => (mask >> BigInt(bit)) % 2n === 1n));
}

export function chooseCapabilities(
  wish: { readonly privileged: boolean; readonly add: readonly string[]; readonly drop: readonly string[] },
  available: ReadonlySet<string>,
): string[] {
  if (wish.privileged) return [...available];
  const drop = wish.drop.map(fullName);
  const add = wish.add.map(fullName);
  const chosen = new Set(drop.includes('CAP_ALL') ? [] : add.includes('CAP_ALL') ? available : defaults);
  // What is named on both sides: a name beats ALL, and adding beats dropping.
  for (const name of drop) chosen.delete(name);
  for (const name of add) if (name !== 'CAP_ALL') chosen.add(name);
  return [...chosen].filter((name) => available.has(name));
}

function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
