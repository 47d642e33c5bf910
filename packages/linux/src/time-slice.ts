/**
 * For how long a thread may keep a processor from others that want it: the slice of the kernel's fair scheduler, which
 * each thread may choose for itself from Linux 6.12 on (`sched_setattr(2)`). It changes nothing about how much of a
 * processor the thread gets over time: a short slice means that its turns are short, and begin soon.
 */
import { koffi } from './native.ts';

/** By architecture, as Node names it. */
const numbers: Partial<Record<NodeJS.Architecture, { readonly set: number; readonly get: number }>> = {
  x64: { set: 314, get: 315 },
  arm64: { set: 274, get: 275 },
};

/** `struct sched_attr` in its first version. */
const attributeBytes = 48;
const at = { size: 0, policy: 4, flags: 8, nice: 16, slice: 24 } as const;
/** `SCHED_NORMAL` and `SCHED_BATCH`: those that have slices. */
const fairPolicies: readonly number[] = [0, 3];

// The symbol comes from the C library this process is already linked with. It has no names of its own for these calls.
const syscall: (number: number, thread: number, attributes: Buffer, a: number, b: number) => number = koffi
  .load(null)
  .func('long syscall(long number, int thread, void *attributes, uint a, uint b)');

/** The kernel's word on a thread of this process; undefined when it has none, or no slices for such a thread. */
function attributesOf(thread: number): Buffer | undefined {
  const number = numbers[process.arch]?.get;
  if (number === undefined || process.platform !== 'linux') return undefined;
  const attributes = Buffer.alloc(attributeBytes);
  if (syscall(number, thread, attributes, attributeBytes, 0) !== 0) return undefined;
  return fairPolicies.includes(attributes.readUInt32LE(at.policy)) ? attributes : undefined;
}

/** Microseconds; undefined where threads have no slices of their own. 0 names the thread that calls. */
export function timeSlice(thread: number): number | undefined {
  const nanos = attributesOf(thread)?.readBigUInt64LE(at.slice) ?? 0n;
  return nanos === 0n ? undefined : Number(nanos) / 1000;
}

/**
 * From 100 to 100,000 microseconds, or undefined for what the kernel gives everyone. False, and nothing has changed, where
 * that cannot be chosen. What the thread begins afterwards takes after it.
 */
export function setTimeSlice(thread: number, micros: number | undefined): boolean {
  const number = numbers[process.arch]?.set;
  const attributes = attributesOf(thread);
  // An older kernel would take it and look at nothing of it.
  if (number === undefined || attributes === undefined || attributes.readBigUInt64LE(at.slice) === 0n)
    return false;
  attributes.writeUInt32LE(attributeBytes, at.size);
  attributes.writeBigUInt64LE(0n, at.flags);
  attributes.writeBigUInt64LE(BigInt(micros ?? 0) * 1000n, at.slice);
  return syscall(number, thread, attributes, 0, 0) === 0;
}
