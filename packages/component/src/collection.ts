/**
 * When V8 collects everything, where most of what passes through is buffers.
 *
 * By default it does so whenever some 64 MiB of buffers were taken since the last time, however small or large the heap
 * is: under load several times a second, each time through the whole index of keys. With this flag buffers count together
 * with the heap, whose limit grows with what is alive in it and ends with the memory of the machine.
 * Decision 0171 has the figures.
 */
import { setFlagsFromString } from 'node:v8';

/** V8's own. */
const usualGrowth = 2;

/** To be called before the process does anything large. V8 reads this flag anew at each decision. */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}

/**
 * Runs `work`, which takes in very much that stays. V8 takes objects that outlive their first collection for a sign that
 * the space for new ones is too small, and doubles it up to 128 MiB: of those that are loaded all stay, whatever the size of
 * the space, which nothing makes small again afterwards.
 */
export async function loadingWhatStays<T>(work: () => Promise<T>): Promise<T> {
  setFlagsFromString('--semi-space-growth-factor=1');
  try {
    return await work();
  } finally {
    setFlagsFromString(`--semi-space-growth-factor=${usualGrowth}`);
  }
}
