/** Sends a text with a request that was just begun, and reads the whole answer, bounded in time and size. */
import type { ClientRequest } from 'node:http';
import { GatheredBytes } from '../gathered-bytes.ts';

export interface ExchangeBounds {
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** Rejects with what went wrong on the connection, `context deadline exceeded`, or `the answer is too large`. */
export function exchangeText(
  request: ClientRequest,
  text: string,
  { timeoutMs, maxAnswerBytes }: ExchangeBounds,
): Promise<{ readonly status: number; readonly type: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new Error('context deadline exceeded')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    request.once('error', fail);
    request.once('response', (response) => {
      const body = new GatheredBytes(maxAnswerBytes, () => new Error('the answer is too large'));
      response.on('data', (chunk: Buffer) => {
        try {
          body.add(chunk);
        } catch (error) {
          request.destroy(error as Error);
        }
      });
      response.once('error', fail);
      response.once('end', () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          text: body.whole().toString(),
        });
      });
    });
    request.end(text);
  });
}
