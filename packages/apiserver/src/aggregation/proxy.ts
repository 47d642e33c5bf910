/** Passes requests on to a secondary API server, which learns from headers who asks. */
import { request as httpsRequest } from 'node:https';
import { serviceUnavailable, StatusError } from '@timonier/api/statuses';
import type { Upstream } from '../http/upstream.ts';
import type { RemoteServer } from './remote.ts';

const wholeMs = 60_000;

/** A request that lasts as long as its client wants has no time that it must keep to. Throws 503 when the server has no endpoint. */
export function upstreamFor(remote: RemoteServer, isLong: boolean): Upstream {
  const target = remote.target();
  return {
    // An upgraded connection belongs to one client, and none of an agent's may become that.
    open: (call) =>
      httpsRequest({
        ...target,
        ...(call.headers['upgrade'] === undefined ? {} : { agent: false }),
        ...call,
      }),
    unreachable: (reason) =>
      new StatusError(serviceUnavailable(`error trying to reach service of ${remote.name}: ${reason}`)),
    wholeMs: isLong ? undefined : wholeMs,
  };
}
