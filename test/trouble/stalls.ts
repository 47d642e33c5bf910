/**
 * Loaded first by every Node process that `npm test -- --stalls MS` starts, and by each of its worker threads: again and
 * again the thread stops for a random time, at most so long, as on a machine whose processors others want. Timers that are
 * due meanwhile run before what has come is read.
 *
 * Threads stop each for itself, as a scheduler stops them: a member may be stopped while its log goes on, and one of three
 * members while the others time it out. A thread that sleeps outside of its event loop, as the log's does, stops when it
 * next looks at its timers, which may be never; `--late-syncs` is for that one.
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
