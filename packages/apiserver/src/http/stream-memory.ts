/**
 * What Node's HTTP/2 server keeps of requests that are over. A session has its streams in a `Map`, whose old tables keep
 * them all until the next full collection (see `@timonier/component/passing`), and a stream has its request, its answer and
 * all that listened to them: some 5 kB each. That is most of what a request leaves behind, and most of what a collection of
 * young memory has to copy. So a session gets a map that forgets, and a stream that is closed lets go of its listeners.
 * Decision 0300 has the figures.
 */
import { PassingMap } from '@timonier/component/passing';
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2';

/** What Node asks of the map. */
class StreamTable extends PassingMap<number, unknown> {
  forEach(each: (stream: unknown, id: number) => void): void {
    for (const [id, stream] of this) each(stream, id);
  }
}

interface SessionState {
  streams: { readonly size: number };
}

/**
 * For a session that has just begun. False, and nothing has changed, where Node keeps its streams in another way than it did
 * when this was written: then there is more to collect, and no harm is done.
 */
export function forgetStreams(session: ServerHttp2Session): boolean {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  if (symbol === undefined) return false;
  const state = (session as unknown as Record<symbol, Partial<SessionState> | undefined>)[symbol];
  if (state?.streams?.size !== 0 || !hasMethods(state.streams)) return false;
  state.streams = new StreamTable();
  return true;
}

function hasMethods(table: object): boolean {
  const wanted = ['get', 'set', 'delete', 'forEach'];
  return wanted.every((name) => typeof (table as Record<string, unknown>)[name] === 'function');
}

/**
 * Lets go of who listened to a request that was served and to its answer, once both are closed and everybody was told.
 * Not before it was served: of a body that breaks off, the end comes after the stream was closed.
 */
export function forgetListeners(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const { stream } = request;
  const forget = (): void => {
    for (const emitter of [stream, request, response]) {
      emitter.removeAllListeners();
      // Nothing is to come any more; but if something does, nobody may fall over it.
      emitter.on('error', ignore);
    }
  };
  // Of one that is closed already the event may still be on its way.
  if (stream.closed && stream.destroyed) setImmediate(forget);
  else stream.once('close', () => process.nextTick(forget));
}

function ignore(): void {}
