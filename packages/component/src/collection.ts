/**
 * When V8 collects everything, where most of what passes through is buffers.
 *
 * By default it does so whenever some 64 MiB of buffers were taken since the last time, however small or large the heap
 * is: under load several times a second, each time through the whole index of keys. With this flag buffers count together
 * with the heap, whose limit grows with what is alive in it and ends with the memory of the machine.
 * Decision 0171 has the figures.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** V8's own. */
const usualGrowth = 2;

/** To be called before the process does anything large. V8 reads this flag anew at each decision. */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}

const mebibyte = 1024 * 1024;
/** What may gather before everything is collected, of a heap that is small. */
const room = 512 * mebibyte;
/** In percent of what is alive: beyond it a small heap would hardly be collected at all. */
const mostGrowth = 400;

/**
 * By how much a heap may grow until everything is collected again, in percent of `alive` bytes; 0 leaves it to V8, which
 * chooses between a tenth and four times by how long its last collections took.
 */
export function growthOf(alive: number): number {
  return alive > room ? 0 : Math.min(mostGrowth, Math.round((100 * room) / Math.max(1, alive)));
}

/**
 * A small heap through which much passes is collected less often than V8 would by itself: it may grow to five times what is
 * alive, and by no more than 512 MiB. What is larger is left to V8. To be called once.
 */
export function leaveRoomToGrow(): void {
  const adjust = (): void => {
    const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
    setFlagsFromString(`--heap-growing-percent=${growthOf(heap + buffers)}`);
  };
  adjust();
  // V8 has just decided when the next one is due: what is found here counts from the one after it.
  const observer = new PerformanceObserver((list) => {
    const kinds = list.getEntries().map((entry) => (entry as { detail?: { kind?: number } }).detail?.kind);
    if (kinds.includes(constants.NODE_PERFORMANCE_GC_MAJOR)) adjust();
  });
  observer.observe({ entryTypes: ['gc'] });
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
