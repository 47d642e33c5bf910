/** get: one object. Without a resourceVersion it is the newest there is; with one, not older than that. */
import { type Status, storageKey } from '@timonier/api';
import { internalError, notFound, StatusError } from '@timonier/api/statuses';
import type { Exchange } from '../http/exchange.ts';
import { notActive } from '../pipeline/fence-gate.ts';
import { revisionParameter } from '../pipeline/query.ts';
import { representationOf, respondObject } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import type { ServerState } from '../server-state.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { prepareViews, viewOf } from '../storage/views.ts';

/** Subresources that are shown as objects only. */
const withoutTable: ReadonlySet<string> = new Set([
  'apiservices/status',
  'certificatesigningrequests/approval',
  'customresourcedefinitions/status',
  'pods/ephemeralcontainers',
  'pods/resize',
]);

export async function get(context: RequestContext): Promise<void> {
  const { info, subresource } = context.target;
  if (withoutTable.has(`${info.resource}/${subresource}`))
    representationOf(context.exchange, { transforms: false });
  await respondObject(context, 200, await readObject(context));
}

/** The object a request is about. Throws 404. */
export async function readObject(context: RequestContext): Promise<StoredObject> {
  const { server, target, exchange } = context;
  const { info, namespace, name } = target;
  await freshEnough(context, revisionParameter(exchange.query));
  const key = storageKey(info, namespace, name, server.root);
  const object = server.cache.resource(info.storagePrefix ?? '').index.get(key);
  if (object === undefined) throw whyMissing(server, key, notFound(info, name));
  if (info.custom !== undefined) await prepareViews(info, [object]);
  return viewOf(info, object);
}

/** An object that is there but cannot be read is not one that is not there. */
function whyMissing({ cache }: ServerState, key: string, otherwise: Status): StatusError {
  const unreadable = cache.unreadable(key);
  if (unreadable === undefined) return new StatusError(otherwise);
  return new StatusError(internalError(`unable to transform key "${key}": ${unreadable.reason}`));
}

/**
 * Waits until the cache may answer: for the newest state (`revision` undefined), or for one that is not older than
 * `revision`. While this master is passive its own loops read what its replica has, without asking a quorum; who came by a port
 * did so while it was active, and is told that it is not any more (503) should the office end before the connection does.
 */
export async function freshEnough(
  { server, exchange }: Pick<RequestContext, 'server'> & Partial<Pick<RequestContext, 'exchange'>>,
  revision: number | undefined,
): Promise<void> {
  if (revision !== undefined) await server.reads.reached(revision);
  else if (server.office === undefined || server.office.holds()) await server.reads.fresh();
  else if (exchange !== undefined && !isOfThisHost(exchange)) throw notActive();
  else await server.reads.reached(1);
}

/** Whether a request came by the private socket: connections of the network have an address. */
function isOfThisHost({ request }: Exchange): boolean {
  return request.socket.remoteAddress === undefined;
}
