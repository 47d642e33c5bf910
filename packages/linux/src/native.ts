/**
 * The door to the C library. Whoever calls C takes `koffi` from here, for it comes with a fix: when the process ends, its
 * exit handler forces out standard output, and where that fails (the log lies on the broken disk that ended the
 * process) it waits for a lock of its own for ever. A process that ends with an error therefore ends at once.
 */
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';

export { default as koffi } from 'koffi';

const exitNow = koffi.load(null).func('void _exit(int status)');
if (isMainThread)
  process.on('exit', (code) => {
    if (code !== 0) exitNow(code);
  });
