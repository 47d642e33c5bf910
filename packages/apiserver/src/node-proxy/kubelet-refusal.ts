/** What a client is told when a kubelet refuses what the API server asks on its behalf, in upstream's words. */
import type { Status } from '@timonier/api';
import { badRequest, failure, internalError } from '@timonier/api/statuses';

const known: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
};

/** `text` is what the kubelet says, and `resource` and `name` are what was asked for, such as `pods/log` of a pod. */
export function kubeletRefusal(code: number, text: string, resource: string, name: string): Status {
  if (code === 400) return badRequest(text);
  if (code === 500) return internalError(text);
  const [reason, message] = known[code] ?? unknown(code, text);
  const status = failure(code, reason, `${message} ( ${resource} ${name})`, { name, kind: resource });
  if (reason === '') delete status.reason;
  return status;
}

function unknown(code: number, text: string): readonly [reason: string, message: string] {
  if (code === 403) return ['Forbidden', text];
  if (code < 500)
    return ['', `the server responded with the status code ${code} but did not return more information`];
  const told = `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`;
  return ['InternalError', told];
}
