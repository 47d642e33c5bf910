/**
 * The log's own thread: takes batches from the main thread, writes what has queued up, syncs once, answers with the
 * ticket up to which everything is durable. libuv's pool is never involved, so that a stalled LevelDB compaction
 * cannot delay an `fdatasync`. Any failure ends the thread with an error: after a failed sync nothing is known about
 * what is on disk.
 */
import { performance } from 'node:perf_hooks';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { HardState } from '@timonier/raft';
import { WalFiles, type WalFilesOptions } from './wal-files.ts';

export type WalRequest =
  | {
      readonly type: 'append';
      readonly ticket: number;
      readonly batch: ArrayBuffer;
      readonly lastIndex: number;
      readonly hardState: HardState | undefined;
    }
  | { readonly type: 'release'; readonly index: number }
  | { readonly type: 'close' };

export type WalAnswer =
  | { readonly type: 'durable'; readonly ticket: number; readonly syncMs: number; readonly batches: number }
  | { readonly type: 'closed' };

const port = parentPort;
if (port === null) throw new Error('the log thread must be started as a worker');
const files = new WalFiles(workerData as WalFilesOptions);
files.open();

port.on('message', (first: WalRequest) => {
  const requests = [first];
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    requests.push(next.message as WalRequest);
  for (const request of requests) {
    if (request.type === 'append') {
      const begin = performance.now();
      files.append([Buffer.from(request.batch)], request.lastIndex, request.hardState);
      const answer: WalAnswer = {
        type: 'durable',
        ticket: request.ticket,
        syncMs: performance.now() - begin,
        batches: 1,
      };
      port.postMessage(answer);
    } else if (request.type === 'release') files.release(request.index);
    else {
      files.close();
      port.postMessage({ type: 'closed' } satisfies WalAnswer);
      port.close();
    }
  }
});
