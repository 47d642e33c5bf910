/**
 * Loaded into a measured process (`--import`) by `--explain`: writes down what it does instead of answering, as lines of JSON
 * (`Event`) in the file that its address names (`probeOf`). Only what takes long is written, so that it costs little. In the store it is loaded
 * into the log's thread, too, which waits in its syncs and has no event loop that could be asked.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import { milliseconds } from './events.ts';

/** Less explains no change that took longer than 50 ms. */
const worthMs = 10;
const tickMs = 5;

const asked = new URL(import.meta.url).searchParams;
/** Open from the start: the folder may be taken away before the process ends. */
const file = fs.openSync(asked.get('file') ?? '', 'a');
const who = asked.get('who') ?? '';

function put(from: number, ms: number, what: string): void {
  fs.writeSync(file, `${JSON.stringify({ from, ms, what: `${who} ${what}` })}\n`);
}

/** From the first step of marking to the end of the pause. */
function watchCollections(): void {
  const offset = milliseconds() - performance.now();
  let marksSince: number | undefined;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { startTime, duration } = entry;
      // The types know it of marks and measures alone.
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      const from = startTime + offset;
      if (kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL) marksSince ??= from;
      else if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) {
        const since = marksSince ?? from;
        put(since, from + duration - since, `collects everything (pause ${Math.round(duration)} ms)`);
        marksSince = undefined;
      } else if (duration >= worthMs) put(from, duration, 'collects new objects');
    }
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** How long it was at something else when a timer was due, and how much of that it had a processor. */
function watchTurns(): void {
  let last = milliseconds();
  let cpu = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = milliseconds();
    const used = process.threadCpuUsage(cpu);
    const late = now - last - tickMs;
    if (late >= 2 * worthMs)
      put(
        last,
        now - last,
        `takes a long turn (${Math.round((used.user + used.system) / 1_000)} ms of it on a processor)`,
      );
    last = now;
    cpu = process.threadCpuUsage();
  }, tickMs);
  timer.unref();
}

function watchSyncs(): void {
  const { fdatasyncSync } = fs;
  fs.fdatasyncSync = (fd) => {
    const from = milliseconds();
    fdatasyncSync(fd);
    const ms = milliseconds() - from;
    if (ms >= worthMs) put(from, ms, 'waits for the disk');
  };
  syncBuiltinESMExports();
}

watchSyncs();
watchCollections();
if (isMainThread) watchTurns();
