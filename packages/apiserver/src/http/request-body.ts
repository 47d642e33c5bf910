/**
 * The body of a request: read whole within a size and a time, and what becomes of one that nobody reads to its end.
 *
 * Over HTTP/2 its stream is reset without an error once the answer is out (RFC 9113, 8.1). A connection of HTTP/1.1 is
 * ended after the answer, for the rest would be taken for the next request; and it is read on for a while before it is
 * closed, because the kernel resets a connection that is closed with bytes unread, and with it goes the answer that is
 * still on its way (RFC 9112, 9.6).
 */
import { badRequest, requestEntityTooLarge, StatusError, timeout } from '@timonier/api/statuses';
import type { HttpRequest, HttpResponse } from './exchange.ts';

export const maxBodyBytes = 3 * 1024 * 1024;
const patienceMs = 60_000;
/** How long a connection is read on after an answer that came before the end of the body. */
const lingerMs = 5_000;

/** The whole body. Throws a Status: 413 beyond the limit, 504 when it takes too long, 400 when it breaks off. */
export function readBody(request: HttpRequest): Promise<Buffer> {
  if (declaredBytes(request) > maxBodyBytes) return Promise.reject(tooLarge());
  if (request.aborted) return Promise.reject(brokenOff());
  if (request.readableEnded) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', finish).off('aborted', lose).off('close', lose);
    };
    const refuse = (error: StatusError): void => {
      settle();
      request.pause();
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBodyBytes) refuse(tooLarge());
      else chunks.push(chunk);
    };
    const finish = (): void => {
      settle();
      // A stream of HTTP/2 that was reset ends as one that is complete does.
      if (request.aborted) reject(brokenOff());
      else resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks, size));
    };
    const lose = (): void => refuse(brokenOff());
    const timer = setTimeout(
      () => refuse(new StatusError(timeout('request did not complete within the allotted timeout'))),
      patienceMs,
    );
    request.on('data', take).on('end', finish).on('aborted', lose).on('close', lose);
  });
}

/** Whether the answer must say that the connection ends with it: over HTTP/1.1, when a body may go on without end. */
export function endsConnection(request: HttpRequest): boolean {
  if (request.httpVersionMajor !== 1 || request.complete) return false;
  const isBounded = declaredBytes(request) <= maxBodyBytes && !('transfer-encoding' in request.headers);
  // Node reads the rest of what nobody began to read.
  return !isBounded || request.readableDidRead;
}

/** Whether nothing of the request is still to come. */
export function hasCome(request: HttpRequest): boolean {
  return request.complete || request.stream?.endAfterHeaders === true;
}

/** Ends an answer whose head is written, with its last bytes. */
export function endAnswer(request: HttpRequest, response: HttpResponse, bytes?: Buffer): void {
  if (endsConnection(request)) {
    if (bytes !== undefined) response.write(bytes);
    else response.flushHeaders();
    linger(request, () => void response.end());
    return;
  }
  response.end(bytes);
  const { stream } = request;
  if (stream === undefined || hasCome(request) || !request.readableDidRead) return;
  // A stream that is not read is never through.
  request.resume();
  stream.close();
}

/** Reads and forgets until the body has ended, the client has gone, or too much time has passed. */
function linger(request: HttpRequest, then: () => void): void {
  const stop = (): void => {
    clearTimeout(timer);
    request.off('end', stop).off('close', stop);
    then();
  };
  const timer = setTimeout(stop, lingerMs);
  request.on('end', stop).on('close', stop);
  request.resume();
}

function declaredBytes(request: HttpRequest): number {
  return Number(request.headers['content-length'] ?? 0);
}

function tooLarge(): StatusError {
  return new StatusError(requestEntityTooLarge(`limit is ${maxBodyBytes}`));
}

function brokenOff(): StatusError {
  return new StatusError(badRequest('the body of the request broke off'));
}
