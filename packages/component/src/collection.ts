/**
 * When V8 collects everything, where most of what passes through is buffers.
 *
 * By default it does so whenever some 64 MiB of buffers were taken since the last time, however small or large the heap
 * is: under load several times a second, each time through the whole index of keys. With this flag buffers count together
 * with the heap, whose limit grows with what is alive in it and ends with the memory of the machine.
 * Decision 0171 has the figures.
 */
import { setFlagsFromString } from 'node:v8';

/** To be called before the process does anything large. V8 reads this flag anew at each decision. */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
