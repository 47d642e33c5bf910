/** What a verb is told of the request that it carries out. */
import type { Exchange } from '../http/exchange.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import type { JudgingServer, RequestContext } from '../request-context.ts';
import type { User } from './authenticate.ts';
import { fenceOf } from './fence-gate.ts';
import { askedOptions, dryRunParameter, managerOf, patienceOf } from './query.ts';

/** Throws when the request must not be carried out: its fence is missing or of another office. */
export function contextOf(
  server: JudgingServer,
  exchange: Exchange,
  user: User,
  target: ResourceRequest,
  isMutating: boolean,
): RequestContext {
  const dryRun = isMutating && dryRunParameter(exchange.query.getAll('dryRun'));
  return {
    server,
    exchange,
    user,
    target,
    // What is never committed needs no fence, and may be tried while passive.
    fence: isMutating && !dryRun ? fenceOf(server, user, exchange, target) : undefined,
    dryRun,
    manager: managerOf(exchange.query, exchange.header('user-agent')),
    asked: askedOptions(exchange.query),
    deadline: performance.now() + patienceOf(exchange.query),
    warn: (text) => exchange.warn(text),
    waited: (milliseconds) => {
      exchange.waitedMs += milliseconds;
    },
    annotate: (key, value) => exchange.audit?.annotate(key, value),
    ...(exchange.audit?.wantsRequest === true ? { isRecordedWhole: true } : {}),
  };
}
