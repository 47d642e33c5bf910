/**
 * The log's own thread: takes a batch from the main thread, writes it, syncs once, answers with the ticket up to which
 * everything is durable. libuv's pool is never involved, so that a stalled LevelDB compaction cannot delay an
 * `fdatasync`. Any failure ends the thread with an error: after a failed sync nothing is known about what is on disk.
 */
import { performance } from 'node:perf_hooks';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { LogMailbox } from './log-mailbox.ts';
import { carryOut, type LogWorkerData, type WalRequest } from './log-thread.ts';
import { WalFiles } from './wal-files.ts';

const port = parentPort;
if (port === null) throw new Error('the log thread must be started as a worker');
const { folder, segmentBytes, memory } = workerData as LogWorkerData;
const files = new WalFiles({ folder, segmentBytes });
files.open();
const mailbox = new LogMailbox(memory);

// The thread has no other work, so it sleeps on the bell and not in an event loop.
for (let open = true; open;) {
  mailbox.wait();
  const append = mailbox.take();
  if (append !== undefined) {
    const begin = performance.now();
    files.append([append.bytes], append.lastIndex, append.hardState);
    mailbox.done(performance.now() - begin);
    port.postMessage(append.ticket);
  }
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const request = next.message as WalRequest;
    const answer = carryOut(files, request, () => performance.now());
    mailbox.tookMessage();
    if (answer !== undefined) port.postMessage(answer);
    if (request.type === 'close') open = false;
  }
}
port.close();
