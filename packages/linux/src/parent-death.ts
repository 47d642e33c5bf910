/** Ties this process to the one that started it: when that one is gone, however it went, the kernel ends this one. */
import { constants } from 'node:os';
import { koffi } from './native.ts';

const setParentDeathSignal = 1;

const prctl: (option: number, value: number) => number = koffi
  .load(null)
  .func('int prctl(int option, ulong value)');

/** To be called early, and by the main thread; returns false when the parent, `pid`, is gone already. */
export function dieWithParent(pid: number): boolean {
  if (prctl(setParentDeathSignal, constants.signals.SIGKILL) !== 0)
    throw new Error('prctl(PR_SET_PDEATHSIG) failed: this kernel is older than Linux 2.2');
  // It may have gone before the kernel was asked.
  return process.ppid === pid;
}
