/**
 * The log's own thread: takes a batch from the main thread, writes it, syncs once, answers with the ticket up to which
 * everything is durable. libuv's pool is never involved, so that a stalled LevelDB compaction cannot delay an
 * `fdatasync`. A write that finds no room is tried again until there is some; any other failure ends the thread with
 * an error: after a failed sync nothing is known about what is on disk.
 */
import { performance } from 'node:perf_hooks';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { isDiskFull } from './disk-room.ts';
import { LogMailbox } from './log-mailbox.ts';
import { LogTail } from './log-tail.ts';
import type { WalAnswer, WalRequest } from './log-requests.ts';
import { carryOut, type LogWorkerData } from './log-thread.ts';
import { WalFiles } from './wal-files.ts';

if (parentPort === null) throw new Error('the log thread must be started as a worker');
const port = parentPort;
const { folder, segmentBytes, memory, tail } = workerData as LogWorkerData;
const files = new WalFiles({ folder, segmentBytes }, new LogTail(tail));
files.open();
const mailbox = new LogMailbox(memory);
mailbox.opened();

const retryMs = 200;
/** Nobody ever wakes who sleeps here. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

let open = true;

function takeMessages(): void {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const request = next.message as WalRequest;
    const answer =
      request.type === 'append'
        ? insist(() => carryOut(files, request, () => performance.now()))
        : carryOut(files, request, () => performance.now());
    mailbox.tookMessage();
    if (answer !== undefined) port.postMessage(answer);
    if (request.type === 'close') open = false;
  }
}

/**
 * Writes until there was room for it; undefined when the log was closed before. Segments are let go meanwhile: that
 * makes room.
 */
function insist<T>(write: () => T): T | undefined {
  for (let full = false; open;) {
    try {
      const result = write();
      if (full) port.postMessage({ type: 'full', full: false } satisfies WalAnswer);
      return result;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (!full) port.postMessage({ type: 'full', full: true } satisfies WalAnswer);
      full = true;
      Atomics.wait(nobody, 0, 0, retryMs);
      takeMessages();
    }
  }
  return undefined;
}

let spare: ReturnType<WalFiles['prepare']> = 'unfinished';
let triedAt = 0;

/** Works on the next segment, between writes and when there are none. */
function prepare(): void {
  if (spare === 'no-room' && performance.now() < triedAt + retryMs) return;
  const before = spare;
  spare = files.prepare();
  triedAt = performance.now();
  if ((before === 'no-room') !== (spare === 'no-room'))
    port.postMessage({ type: 'reserve', has: spare !== 'no-room' } satisfies WalAnswer);
}

const patience = { ready: Infinity, unfinished: 0, 'no-room': retryMs } as const;

// The thread has no other work, so it sleeps on the bell and not in an event loop.
while (open) {
  mailbox.wait(patience[spare]);
  const append = mailbox.take();
  if (append !== undefined) {
    const begin = performance.now();
    const done = insist(() => {
      files.append([append.bytes], append.lastIndex, append.hardState);
      return true;
    });
    if (done === true) {
      mailbox.done(performance.now() - begin);
      port.postMessage(append.ticket);
    }
  }
  takeMessages();
  if (open) prepare();
}
port.close();
