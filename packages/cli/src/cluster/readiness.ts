/**
 * Whether a host does its work, as its processes themselves say: each is asked for its `/readyz`, over the network that
 * its clients use. That a process runs, or that its master holds the office, says nothing of this: it may still read
 * its log, fill its caches, or be cut off.
 */
import { request } from 'node:http';
import type { OperationsTarget } from './operations.ts';

/** Why a component is not ready, in the words of its own check. */
export interface Unready {
  readonly component: string;
  readonly reason: string;
}

/** A process gives each of its checks 2 s, and names the one that took longer. */
const answerWithinMs = 2_500;
const maxAnswerBytes = 64 * 1024;

/**
 * Asks every target that answers for itself; all at the same time. Returns those that are not ready, in the order of
 * `targets`; never rejects.
 */
export async function unreadyOf(targets: readonly OperationsTarget[]): Promise<readonly Unready[]> {
  const reasons = await Promise.all(targets.filter(answersForItself).map(reasonOf));
  return reasons.filter((found) => found !== undefined);
}

/** The kubelet's other ports are views of one process, and containerd is none of ours. */
function answersForItself({ endpoint }: OperationsTarget): boolean {
  return !endpoint.tls && endpoint.metricsPath === undefined;
}

async function reasonOf({ component, address, endpoint }: OperationsTarget): Promise<Unready | undefined> {
  try {
    const { status, text } = await ask(address, endpoint.port);
    return status === 200
      ? undefined
      : { component, reason: failedChecks(text) ?? `/readyz answers ${status}` };
  } catch (error) {
    return { component, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** `name: reason` of each `[-]name failed: reason` line; undefined when there is none. */
function failedChecks(text: string): string | undefined {
  const failed = [...text.matchAll(/^\[-\](\S+) failed: (.*)$/gm)].map(([, name, why]) => `${name}: ${why}`);
  return failed.length === 0 ? undefined : failed.join(', ');
}

function ask(host: string, port: number): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(answerWithinMs);
    const fail = (error: Error): void => {
      reject(signal.aborted ? new Error(`no answer within ${answerWithinMs} ms`) : noAnswer(error));
    };
    const call = request({ host, port, path: '/readyz', agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        if (text.length < maxAnswerBytes) text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', fail);
    });
    call.on('error', fail);
    call.end();
  });
}

/** A port that nobody listens on is what a person sees of a process that is only starting. */
function noAnswer(error: Error): Error {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? new Error('does not listen yet') : error;
}
