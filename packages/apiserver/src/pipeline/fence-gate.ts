/**
 * The first of the two places where a write meets the fence: before anything is read. While this server does not hold
 * the office it takes no writes at all. A fenced identity must name the office under which it decided, and it must be
 * the one served here; what it named, and never our own token, is compared again at commit.
 */
import { conflict, serviceUnavailable, StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import type { Fence, ServerState } from '../server-state.ts';
import type { User } from './authenticate.ts';
import { isFenced } from './authorize.ts';

export const officeHeader = 'timonier-office';
export const officeKey = '/timonier/office';

/** What the commit of a mutating request must compare; undefined without an office. Throws 503 or 409. */
export function fenceOf(
  server: ServerState,
  user: User,
  exchange: Exchange,
  target: ResourceRequest,
): Fence | undefined {
  const { office } = server;
  if (office === undefined) return undefined;
  const token = office.state.token;
  if (!office.holds() || token === null) throw notActive();
  if (!isFenced(user)) return { token, holder: 'server' };
  const claimed = exchange.header(officeHeader);
  if (claimed !== token && !server.failpoints.fenceDisabled) {
    server.metrics.fenceRejections.inc({ stage: 'gate' });
    throw staleEpoch(target, claimed, token);
  }
  return { token: claimed ?? token, holder: 'client' };
}

export function notActive(): StatusError {
  const status = serviceUnavailable('this master is not the active one; try again');
  return new StatusError({ ...status, details: { retryAfterSeconds: 1 } });
}

/** The write was decided under an office that is over. */
export function staleEpoch(
  target: Pick<ResourceRequest, 'info' | 'name'>,
  claimed: string | undefined,
  current: string | undefined,
): StatusError {
  const detail =
    claimed === undefined
      ? `the request names no office in its ${officeHeader} header; the office is ${current ?? 'vacant'}`
      : `it was decided under office ${claimed}, but the office is ${current ?? 'vacant'}`;
  return new StatusError(
    conflict(target.info, target.name, detail, [{ reason: 'StaleEpoch', message: detail }]),
  );
}
