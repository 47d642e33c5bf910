/**
 * A watch response as events: one JSON document a line. Lines are cut on bytes, so that a chunk boundary inside a
 * character does no harm; an ERROR event ends the stream with the `ApiError` it carries.
 */
import type { ResponseBody } from './endpoint.ts';
import { ApiError, ConnectionError } from './errors.ts';
import type { KubeObject, WatchEvent } from './types.ts';

const newline = 10;
const maxEventBytes = 64 * 1024 * 1024;

/** Ends quietly when the server ends the stream or `signal` aborts; throws when the connection breaks. */
export async function* readWatchEvents<T extends KubeObject>(
  body: ResponseBody,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const stop = (): void => void body.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const pending: Buffer[] = [];
  let pendingBytes = 0;
  try {
    for await (const chunk of body) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        pending.push(chunk.subarray(start, end));
        const event = parseEvent<T>(pending.length === 1 ? pending[0] : Buffer.concat(pending));
        pending.length = 0;
        pendingBytes = 0;
        start = end + 1;
        if (event !== undefined) yield event;
        if (signal.aborted) return;
      }
      if (start === chunk.length) continue;
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > maxEventBytes)
        throw new Error(`a watch event is larger than ${maxEventBytes} bytes`);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError) throw error;
    throw new ConnectionError(
      `watch broke: ${error instanceof Error ? error.message : String(error)}`,
      true,
      error,
    );
  } finally {
    signal.removeEventListener('abort', stop);
    body.destroy();
  }
}

function parseEvent<T extends KubeObject>(line: Buffer | undefined): WatchEvent<T> | undefined {
  if (line === undefined || line.length === 0) return undefined;
  const event = JSON.parse(line.toString('utf8')) as WatchEvent<T>;
  if (event.type === 'ERROR') throw new ApiError(event.object);
  return event;
}
