/**
 * What the log's thread does for each request, and how the main thread reaches it: a worker of its own, or a twin that
 * takes as long as a simulator says.
 */
import { Worker } from 'node:worker_threads';
import type { HardState } from '@timonier/raft';
import type { WalFiles, WalFilesOptions } from './wal-files.ts';

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
  | { readonly type: 'durable'; readonly ticket: number; readonly syncMs: number }
  | { readonly type: 'closed' };

/** Carries a request out. Throws when what it asks for is not durable, after which the log must end. */
export function carryOut(files: WalFiles, request: WalRequest, now: () => number): WalAnswer | undefined {
  if (request.type === 'append') {
    const begin = now();
    files.append([Buffer.from(request.batch)], request.lastIndex, request.hardState);
    return { type: 'durable', ticket: request.ticket, syncMs: now() - begin };
  }
  if (request.type === 'release') {
    files.release(request.index);
    return undefined;
  }
  files.close();
  return { type: 'closed' };
}

export interface LogThread {
  /** Requests are carried out in order; buffers in `transfer` belong to the thread from then on. */
  post(request: WalRequest, transfer: ArrayBuffer[]): void;
  end(): Promise<void>;
}

export interface LogThreadEvents {
  readonly onAnswer: (answer: WalAnswer) => void;
  readonly onError: (error: unknown) => void;
}

export type StartLogThread = (files: WalFilesOptions, events: LogThreadEvents) => LogThread;

export const startLogWorker: StartLogThread = ({ folder, segmentBytes }, { onAnswer, onError }) => {
  const worker = new Worker(new URL('./wal.worker.ts', import.meta.url), {
    workerData: { folder, segmentBytes },
  });
  worker.on('message', onAnswer);
  worker.on('error', onError);
  return {
    post: (request, transfer) => worker.postMessage(request, transfer),
    end: async () => void (await worker.terminate()),
  };
};
