/**
 * Joins a connection that is to switch protocols with one to another server, byte by byte. What a client says about who it
 * is never passes.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { endWith } from '@timonier/streaming';
import { wayOf } from './origin.ts';
import { type Headers, type HeaderTest, headText, passedOn } from './passed-headers.ts';
import { asUnreachable, tooLate, type Upstream, watchConnection } from './upstream.ts';

const clientGone = 'the client has gone';
/** How long the last words of one side may be on their way when it has gone. */
const flushMs = 60_000;

/** A connection that is to switch protocols. */
export interface Switching {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What has come of it behind its head. */
  readonly head: Buffer;
  /** Called with the status code that the client is told. */
  readonly onAnswer: (statusCode: number) => void;
  /** Which headers beside the usual ones say who the client is. */
  readonly isIdentity?: HeaderTest | undefined;
}

export interface SwitchingUpstream extends Upstream {
  /** Between the request and the head of its answer, in milliseconds; undefined: as long as the client waits. */
  readonly patienceMs?: number | undefined;
}

/**
 * Joins an upgraded connection with one of the other side's. Resolves when both have ended; when the other side does
 * not switch protocols the client gets its answer. Rejects with its `unreachable` when there is none, or nobody to give it to.
 */
export function relayUpgrade(
  { request: client, socket, head, onAnswer, isIdentity }: Switching,
  upstream: SwitchingUpstream,
  path: string,
  extra: Headers = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Its `close` has been then, while it was found out whether it may, and would not end the other side.
    if (socket.destroyed) {
      reject(upstream.unreachable(clientGone));
      return;
    }
    const headers: Headers = {
      ...passedOn(client.headers, isIdentity, wayOf(client.socket)),
      ...extra,
    };
    for (const name of ['connection', 'upgrade'] as const) {
      const value = client.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    const call = upstream.open({ method: client.method ?? 'GET', path, headers });
    watchConnection(call);
    const { patienceMs, wholeMs } = upstream;
    const giveUp = (): unknown => call.destroy(new Error('no answer in time'));
    const timer = patienceMs === undefined ? undefined : setTimeout(giveUp, patienceMs);
    let hasHead = false;
    const late = (): void => {
      if (hasHead) socket.destroy();
      else call.destroy(tooLate());
    };
    // What is joined lasts; an answer is one like any other.
    const whole = wholeMs === undefined ? undefined : setTimeout(late, wholeMs);
    const leave = (): unknown => call.destroy();
    socket.once('close', leave);
    // Behind an answer as well, of which its reader is told.
    call.on('error', (error) => {
      clearTimeout(timer);
      clearTimeout(whole);
      reject(asUnreachable(upstream, error));
    });
    call.once('response', (response) => {
      clearTimeout(timer);
      hasHead = true;
      onAnswer(response.statusCode ?? 502);
      // The body is passed on as it was decoded, and ends with the connection.
      socket.write(headText(response, { connection: 'close' }));
      response.on('error', () => socket.destroy());
      response.once('close', () => {
        clearTimeout(whole);
        endWith(socket);
        resolve();
      });
      response.pipe(socket);
    });
    call.once('upgrade', (response, other, otherHead) => {
      clearTimeout(timer);
      clearTimeout(whole);
      if (socket.destroyed) {
        other.destroy();
        reject(upstream.unreachable(clientGone));
        return;
      }
      // What the client said last may still be on its way.
      socket.off('close', leave);
      onAnswer(101);
      socket.write(headText(response, {}));
      if (otherHead.length > 0) socket.write(otherHead);
      if (head.length > 0) other.write(head);
      Promise.all([pass(socket, other), pass(other, socket)]).then(() => resolve(), reject);
    });
    call.end();
  });
}

/**
 * Passes bytes on until one side has ended, and then ends the other: behind the last that was said when it ended in good order,
 * which takes as long as the other one takes to read it, and at once when it broke off. Resolves when `from` has ended.
 */
function pass(from: Duplex, to: Duplex): Promise<void> {
  from.pipe(to);
  from.on('error', () => undefined);
  return new Promise((resolve) => {
    from.once('close', () => {
      resolve();
      if (from.readableEnded) flush(to);
      else to.destroy();
    });
  });
}

/** Ends a connection behind what still waits for it. */
function flush(to: Duplex): void {
  if (to.destroyed || to.writableFinished) {
    endWith(to);
    return;
  }
  const timer = setTimeout(() => to.destroy(), flushMs);
  to.once('close', () => clearTimeout(timer));
  to.once('finish', () => endWith(to));
  to.end();
  to.resume();
}
