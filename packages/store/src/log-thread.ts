/**
 * What the log's thread does for each request, and how the main thread reaches it: a worker of its own, or a twin that
 * takes as long as a simulator says.
 */
import { Worker } from 'node:worker_threads';
import { DirectAppend } from './direct-append.ts';
import { LogMailbox } from './log-mailbox.ts';
import type { Append, WalAnswer, WalRequest } from './log-requests.ts';
import { LogTail } from './log-tail.ts';
import type { WalFiles, WalFilesOptions } from './wal-files.ts';

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
  /**
   * Carries an append out without the thread: whoever calls waits for the disk. False, and nothing has changed, when
   * the thread has something to do or this is nothing for others. Throws when it is unknown what is durable.
   */
  appendHere(request: Append): boolean;
  end(): Promise<void>;
}

export interface LogThreadEvents {
  readonly onAnswer: (answer: WalAnswer) => void;
  readonly onError: (error: unknown) => void;
}

export type StartLogThread = (files: WalFilesOptions, events: LogThreadEvents) => LogThread;

/** What the worker is started with. */
export interface LogWorkerData {
  readonly folder: string;
  readonly segmentBytes: number;
  readonly memory: SharedArrayBuffer;
  readonly tail: SharedArrayBuffer;
}

export const startLogWorker: StartLogThread = ({ folder, segmentBytes }, { onAnswer, onError }) => {
  const mailbox = new LogMailbox();
  const tail = new LogTail();
  const direct = new DirectAppend(tail, { folder, segmentBytes });
  const workerData: LogWorkerData = { folder, segmentBytes, memory: mailbox.memory, tail: tail.memory };
  const worker = new Worker(new URL('./wal.worker.ts', import.meta.url), { workerData });
  // A bare number is the ticket of what was in the slot.
  worker.on('message', (answer: WalAnswer | number) =>
    onAnswer(
      typeof answer === 'number' ? { type: 'durable', ticket: answer, syncMs: mailbox.syncMs } : answer,
    ),
  );
  worker.on('error', onError);
  return {
    post: (request, transfer) => {
      if (request.type === 'append' && mailbox.put(request)) return;
      worker.postMessage(request, transfer);
      mailbox.posted();
    },
    appendHere: (request) => {
      if (!mailbox.isIdle) return false;
      const begin = performance.now();
      if (!direct.append(request)) return false;
      onAnswer({ type: 'durable', ticket: request.ticket, syncMs: performance.now() - begin });
      return true;
    },
    end: async () => {
      await worker.terminate();
      direct.close();
    },
  };
};
