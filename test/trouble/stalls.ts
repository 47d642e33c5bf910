/**
 * Loaded before a test file by `npm test -- --stalls MS`: again and again its thread stops for a random time, at most so
 * long, as on a machine whose processors others want. Timers that are due meanwhile run before what has come is read.
 */
const later = globalThis.setTimeout;
const mostMs = Number(process.env['TIMONIER_STALLS_MS']);
const nobody = new Int32Array(new SharedArrayBuffer(4));

function stopAgain(): void {
  later(() => {
    Atomics.wait(nobody, 0, 0, Math.random() * mostMs);
    stopAgain();
  }, Math.random() * mostMs).unref();
}

stopAgain();
