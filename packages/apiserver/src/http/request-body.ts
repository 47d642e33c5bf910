/** The bounds of a request's body, and what a client is told that does not keep them. */
import type { IncomingHttpHeaders } from 'node:http';
import { badRequest, requestEntityTooLarge, StatusError, timeout } from '@timonier/api/statuses';

export const maxBodyBytes = 3 * 1024 * 1024;
/** For a whole body, in milliseconds. */
export const bodyPatienceMs = 60_000;

/** What a request says of its body's length; 0 when it says nothing. */
export function declaredBytes(headers: IncomingHttpHeaders): number {
  return Number(headers['content-length'] ?? 0);
}

export function tooLarge(): StatusError {
  return new StatusError(requestEntityTooLarge(`limit is ${maxBodyBytes}`));
}

export function brokenOff(): StatusError {
  return new StatusError(badRequest('the body of the request broke off'));
}

export function tooSlow(): StatusError {
  return new StatusError(timeout('request did not complete within the allotted timeout'));
}
