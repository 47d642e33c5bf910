/** Which function answers which verb on which resource or subresource. */
import type { Switching } from '../http/relay-upgrade.ts';
import type { ResourceRequest } from '../http/request-info.ts';
import { offerOf, representationFor, representationOf } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { bind } from '../subresources/binding.ts';
import { evict } from '../subresources/eviction.ts';
import { log } from '../subresources/logs.ts';
import { proxy, proxyUpgrade } from '../subresources/proxy.ts';
import { scale } from '../subresources/scale.ts';
import { connect, connectPlainly } from '../subresources/streams.ts';
import { issueToken } from '../subresources/token.ts';
import { reviewAccess, reviewOwnAccess, reviewRules } from './access-reviews.ts';
import { getComponentStatus, listComponentStatuses } from './component-statuses.ts';
import { create } from './create.ts';
import { removeCollection } from './delete-collection.ts';
import { remove } from './delete.ts';
import { get } from './get.ts';
import { list } from './list.ts';
import { patch } from './patch.ts';
import { reviewSelf, reviewToken } from './reviews.ts';
import { update } from './update.ts';
import { watch } from './watch.ts';

export type Handler = (context: RequestContext) => Promise<void>;

/** What cannot be answered as its client wants is not done: 406 before anything else. `isShown`: by the object. */
function answerable(handler: Handler, isShown = true): Handler {
  return async (context) => {
    const { exchange, target } = context;
    if (isShown) exchange.shownAs = representationFor(exchange, target.info, { isList: false });
    else representationOf(exchange, offerOf(target.info));
    await handler(context);
  };
}

const named = { get: answerable(get, false), update: answerable(update), patch: answerable(patch) };

const verbs: Readonly<Record<ResourceRequest['verb'], Handler>> = {
  ...named,
  list,
  watch,
  create: answerable(create),
  delete: answerable(remove, false),
  deletecollection: removeCollection,
};

/** Of subresources that take the whole object and change a part of it. */
const partVerbs: Readonly<Record<string, Handler>> = named;
const scaleNow = answerable(scale, false);
const bindNow = answerable(bind);

const subresources: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  status: partVerbs,
  approval: partVerbs,
  ephemeralcontainers: partVerbs,
  resize: partVerbs,
  scale: { get: scaleNow, update: scaleNow, patch: scaleNow },
  binding: { create: bindNow },
  attach: { get: connectPlainly, create: connectPlainly },
  eviction: { create: answerable(evict) },
  exec: { get: connectPlainly, create: connectPlainly },
  finalize: { update: named.update },
  log: { get: log },
  portforward: { get: connectPlainly, create: connectPlainly },
  proxy: { get: proxy, create: proxy, update: proxy, patch: proxy, delete: proxy },
  token: { create: answerable(issueToken) },
};

/** Takes over a connection that is to switch protocols; the bytes behind the request are in `head`. */
type UpgradeHandler = (context: RequestContext, switching: Switching) => Promise<void>;

export const upgrades: Readonly<Record<string, UpgradeHandler | undefined>> = {
  exec: connect,
  attach: connect,
  portforward: connect,
  proxy: proxyUpgrade,
};

const componentStatuses: Readonly<Record<string, Handler>> = {
  get: getComponentStatus,
  list: listComponentStatuses,
};

const reviews: Readonly<Record<string, Handler>> = {
  'authentication.k8s.io/selfsubjectreviews': reviewSelf,
  'authentication.k8s.io/tokenreviews': reviewToken,
  'authorization.k8s.io/localsubjectaccessreviews': reviewAccess,
  'authorization.k8s.io/selfsubjectaccessreviews': reviewOwnAccess,
  'authorization.k8s.io/selfsubjectrulesreviews': reviewRules,
  'authorization.k8s.io/subjectaccessreviews': reviewAccess,
};

/** The handler, or undefined when the verb is not supported there. */
export function handlerOf({ info, verb, name, subresource }: ResourceRequest): Handler | undefined {
  if (subresource !== '') return subresources[subresource]?.[verb];
  // The collection `bindings` stores nothing: it is another way to the pods' subresource.
  if (info.group === '' && info.resource === 'bindings') return verb === 'create' ? bindNow : undefined;
  const review = reviews[`${info.group}/${info.resource}`];
  if (review !== undefined) return verb === 'create' ? review : undefined;
  if (info.group === '' && info.resource === 'componentstatuses') return componentStatuses[verb];
  if (!info.verbs.includes(verb)) return undefined;
  if ((verb === 'create') !== (name === '') && (verb === 'create' || verb === 'update' || verb === 'patch'))
    return undefined;
  return verbs[verb];
}
