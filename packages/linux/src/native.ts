/**
 * The door to the C library. Whoever calls C takes `koffi` from here, for it comes with a fix: when the process ends, its
 * exit handler forces out standard output, and where that fails (the log lies on the broken disk that ended the
 * process) it waits for a lock of its own for ever. A process that ends with an error therefore ends at once, and because
 * Node prints what nobody caught only after its own exit handlers, it is printed here before.
 */
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { inspect } from 'node:util';
import koffi from 'koffi';

export { default as koffi } from 'koffi';

const exitNow = koffi.load(null).func('void _exit(int status)');
if (isMainThread) {
  let uncaught: { readonly error: unknown } | undefined;
  process.on('uncaughtExceptionMonitor', (error) => {
    // Somebody else's to report otherwise.
    if (process.listenerCount('uncaughtException') === 0) uncaught = { error };
  });
  process.on('exit', (code) => {
    if (code === 0) return;
    try {
      if (uncaught !== undefined) writeSync(2, `${inspect(uncaught.error)}\n`);
    } catch {
      // Nobody reads it, or the disk that it goes to is the broken one.
    }
    exitNow(code);
  });
}
