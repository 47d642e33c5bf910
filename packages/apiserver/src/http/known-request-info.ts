/**
 * What a request is about, also when it names a kind that this process is still to be told of: it may be one that another
 * process was told of a moment ago. Before the answer is no, and before kinds are listed, this process catches up.
 */
import type { Aggregator } from '../aggregation/aggregator.ts';
import type { JudgingServer } from '../request-context.ts';
import { freshEnough } from '../verbs/get.ts';
import type { Exchange } from './exchange.ts';
import { readRequestInfo, type RequestInfo } from './request-info.ts';

const catchUpMs = 1_000;
/** Documents that name kinds. */
const discovery = /^\/(apis|openapi)(\/|$)/;

/** Waits for the store for a second at most, and goes on without it then. */
export async function knownRequestInfo(
  exchange: Exchange,
  server: JudgingServer,
  aggregator: Pick<Aggregator, 'remoteFor'>,
): Promise<RequestInfo> {
  const read = (): RequestInfo => readRequestInfo(exchange.method, exchange.url, server.registry);
  const info = read();
  if (aggregator.remoteFor(info.path) !== undefined) return info;
  const isUnknown = info.group !== undefined && info.group.includes('.') && info.served === undefined;
  const namesKinds = info.resource === undefined && discovery.test(info.path);
  if (!isUnknown && !namesKinds) return info;
  // Without the store there is still what is known already.
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, catchUpMs);
  });
  await Promise.race([freshEnough({ server }, undefined).catch(() => undefined), patience]);
  clearTimeout(timer);
  return read();
}
