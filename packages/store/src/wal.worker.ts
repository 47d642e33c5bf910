/**
 * The log's own thread: takes batches from the main thread, writes what has queued up, syncs once, answers with the
 * ticket up to which everything is durable. libuv's pool is never involved, so that a stalled LevelDB compaction
 * cannot delay an `fdatasync`. Any failure ends the thread with an error: after a failed sync nothing is known about
 * what is on disk.
 */
import { performance } from 'node:perf_hooks';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { carryOut, type WalRequest } from './log-thread.ts';
import { WalFiles, type WalFilesOptions } from './wal-files.ts';

const port = parentPort;
if (port === null) throw new Error('the log thread must be started as a worker');
const files = new WalFiles(workerData as WalFilesOptions);
files.open();

port.on('message', (first: WalRequest) => {
  const requests = [first];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    requests.push(next.message as WalRequest);
  for (const request of requests) {
    const answer = carryOut(files, request, () => performance.now());
    if (answer !== undefined) port.postMessage(answer);
    if (request.type === 'close') port.close();
  }
});
