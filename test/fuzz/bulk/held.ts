/**
 * How long a request held the one thread that serves everybody: the processor's time that the kernel counts for the
 * server's main thread between the request and its answer. Other programs on the machine do not add to it.
 */
import { readFileSync } from 'node:fs';
import type { Answer, Asked, Subject } from '../apiserver/subject.ts';

export interface Held {
  readonly ms: number;
  readonly status: number;
  /** The beginning of what was said to a refusal. */
  readonly why: string;
  readonly answerBytes: number;
}

/** A request that holds the server for longer than this fails with the connection. */
export const patienceMs = 60_000;

export async function held(subject: Subject, asked: Asked): Promise<Held> {
  const before = mainThreadMs(subject.pid);
  const answer = await subject.ask('admin', asked, patienceMs);
  const ms = mainThreadMs(subject.pid) - before;
  return { ms, status: answer.status, why: reasonOf(answer), answerBytes: answer.body.length };
}

function mainThreadMs(pid: number): number {
  const [nanoseconds = ''] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

function reasonOf({ status, body }: Answer): string {
  if (status < 400) return '';
  return body
    .subarray(0, 2_000)
    .toString()
    .replace(/^.*?"message":"/s, '')
    .slice(0, 160);
}
