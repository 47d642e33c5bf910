/**
 * list: from the watch cache, proven fresh; pages after the first and exact versions come from the store at their own
 * revision, so that all pages of a list show one state.
 */
import { isStoredShape, type ResourceInfo } from '@timonier/api';
import { expired, StatusError } from '@timonier/api/statuses';
import type { ListMeta } from '../pipeline/list-form.ts';
import { bad, forbiddenProblem, type Problem, refuseOptions } from '../pipeline/query.ts';
import { includeObjectOf, representationFor, respondList } from '../pipeline/respond.ts';
import type { Selection } from '../cache/selection.ts';
import { rangeEnd } from '../storage/keys.ts';
import { Slots } from '../storage/slots.ts';
import type { StoreClient } from '../storage/store-client.ts';
import { Compacted } from '../storage/store-failures.ts';
import { readableOf, type StoredObject } from '../storage/stored-object.ts';
import { needsPreparation, prepareViews, viewOf } from '../storage/views.ts';
import type { RequestContext } from '../request-context.ts';
import type { ServerState } from '../server-state.ts';
import { type ContinueToken, expiredToken, formatToken, parseToken } from './continue-token.ts';
import { freshEnough } from './get.ts';
import { type ReadOptions, readOptions } from './read-options.ts';

interface Page {
  /** As they are stored: who shows them makes views of them. */
  readonly items: readonly StoredObject[];
  readonly meta: ListMeta;
}

const storePageSize = 500;
/** Pages of the past that are on their way at once for all clients of this process, of some megabytes each. */
const pagesAtOnce = 8;
const pagePatienceMs = 30_000;
const pageSlots = new Slots(pagesAtOnce, pagePatienceMs);

export async function list(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const representation = representationFor(exchange, target.info, { isList: true, isCollection: true });
  const includeObject = includeObjectOf(exchange);
  const options = readOptions(context);
  const { info } = target;
  const page = await readPage(context, options);
  const { items } = page;
  // Lists of custom resources say that nothing follows.
  const isSaid = info.custom !== undefined && representation.form === 'object';
  const meta = isSaid ? { continue: '', ...page.meta } : page.meta;
  warnOfUnreadable(context, options);
  await respondList(exchange, items, meta, { info, representation, includeObject });
}

/** Names what is in the store but cannot be read: one such object does not keep the others from being listed. */
function warnOfUnreadable({ server, exchange, target }: RequestContext, { selection }: ReadOptions): void {
  for (const { key, reason } of server.cache.unreadableUnder(selection.prefix))
    exchange.warn(
      `${target.info.resource}: an object is left out: unable to transform key "${key}": ${reason}`,
    );
}

/** The objects that a list or deletecollection is about. */
export async function readPage(context: RequestContext, options: ReadOptions): Promise<Page> {
  const { continueToken, match, revision } = options;
  checkMatch(context, options);
  if (continueToken !== '') {
    const token = parseToken(continueToken, options.selection.prefix);
    if ((revision ?? 0) !== 0) throw bad('specifying resource version is not allowed when using continue');
    return continueList(context, unlimitedAtHand(options), token);
  }
  // As it was before matches could be told: pages of a version are pages of that very version.
  const isPageOf = match === '' && options.limit > 0 && (revision ?? 0) > 0;
  if ((match === 'Exact' || isPageOf) && revision !== undefined)
    return readAt(context, options, revision, options.selection.prefix);
  await freshEnough(context, revision);
  await readAhead(context, options);
  return readFromCache(context, unlimitedAtHand(options));
}

/** Whatever is at hand comes whole, as a cache answers: who asks so fills a cache of its own. */
function unlimitedAtHand(options: ReadOptions): ReadOptions {
  return options.revision === 0 ? { ...options, limit: 0 } : options;
}

/** Has what a selection asks for read out of all objects, so that looking through them takes no time. */
export async function readAhead(
  { server, target }: RequestContext,
  { selection }: ReadOptions,
): Promise<void> {
  const { info } = target;
  // Of other shapes each view is read by itself.
  if (info.custom !== undefined || !isStoredShape(info)) return;
  const resource = server.cache.resource(info.storagePrefix ?? '');
  for (const by of selection.reads) await resource.readAhead(by, (object) => selection.read(by, object));
}

/** Throws 422 for options that say two things at once. */
function checkMatch({ target }: RequestContext, options: ReadOptions): void {
  const { match, revision, continueToken, sendInitialEvents } = options;
  if (target.verb === 'watch') return;
  const problems: Problem[] = [];
  const refuse = (field: string, why: string): number => problems.push(forbiddenProblem(field, why));
  if (match !== '') {
    const field = 'resourceVersionMatch';
    if (revision === undefined)
      refuse(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (continueToken !== '') refuse(field, 'resourceVersionMatch is forbidden when continue is provided');
    if (match === 'Exact' && revision === 0)
      refuse(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (sendInitialEvents !== undefined) refuse('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  refuseOptions('ListOptions', problems);
}

/** The page after the one that a token is from: of the same state, as long as the store has it. */
async function continueList(
  context: RequestContext,
  options: ReadOptions,
  token: ContinueToken,
): Promise<Page> {
  const { revision, start } = token;
  if (revision === undefined) {
    await freshEnough(context, undefined);
    return readFromCache(context, options, context.server.cache.revision, start);
  }
  return readAt(context, options, revision, start);
}

/** What a list at `revision` showed from a key on: from the cache as long as that shows the same. */
async function readAt(
  context: RequestContext,
  options: ReadOptions,
  revision: number,
  start: string,
): Promise<Page> {
  // The store would call a revision that it has not reached an error of the request.
  await context.server.reads.reached(revision);
  if (isUnchangedSince(context, revision)) return readFromCache(context, options, revision, start);
  return readFromStore(context, options, revision, start);
}

/** True when the cache shows what a list at `revision` showed, because nothing of the resource has changed since. */
function isUnchangedSince({ server, target }: RequestContext, revision: number): boolean {
  const { log } = server.cache.resource(target.info.storagePrefix ?? '');
  return revision <= server.cache.revision && log.after(revision) === log.nextSequence;
}

async function readFromCache(
  context: RequestContext,
  { selection, limit }: ReadOptions,
  revision = context.server.cache.revision,
  start = selection.prefix,
): Promise<Page> {
  const { server, target } = context;
  const resource = server.cache.resource(target.info.storagePrefix ?? '');
  const { index } = resource;
  const { required } = selection;
  const items: StoredObject[] = [];
  let more = false;
  let fetched = 0;
  const take = (_key: string, stored: StoredObject): { break: true } | undefined => {
    fetched++;
    if (!isWanted(target.info, selection, stored)) return undefined;
    if (limit > 0 && items.length >= limit) {
      more = true;
      return { break: true };
    }
    items.push(stored);
    return undefined;
  };
  if (required !== undefined) {
    for (const stored of resource.under(required))
      if (stored.key >= start && take(stored.key, stored) !== undefined) break;
  } else if (needsPreparation(target.info)) {
    // A webhook takes its time; what changes meanwhile is not of this revision.
    const range = index.getRange(start, rangeEnd(selection.prefix));
    await prepareViews(
      target.info,
      range.map(([, stored]) => stored),
    );
    for (const [key, stored] of range) if (take(key, stored) !== undefined) break;
  } else index.forRange(start, rangeEnd(selection.prefix), false, take);
  server.metrics.cacheUse.listed(target.info, fetched, items.length);
  if (!more) return { items, meta: { resourceVersion: String(revision) } };
  const next = `${items.at(-1)?.key ?? ''}\0`;
  const left = selection.isWhole ? index.forRange(next, rangeEnd(selection.prefix), false) : undefined;
  return { items, meta: pageMeta(revision, next, selection.prefix, left) };
}

/** Selectors are about the view; who has none needs none before the object is written. */
function isWanted(info: ResourceInfo, selection: Selection, stored: StoredObject): boolean {
  // A custom resource that cannot be shown is to be told of before the answer begins.
  if (selection.isWhole && info.custom === undefined) return true;
  return selection.matches(viewOf(info, stored));
}

async function measured(
  { store, metrics }: ServerState,
  info: ResourceInfo,
  range: Parameters<StoreClient['range']>[0],
): ReturnType<StoreClient['range']> {
  const since = performance.now();
  let isError = true;
  try {
    const page = await store.range(range);
    isError = false;
    return page;
  } finally {
    metrics.store.answered('list', info, since, isError);
  }
}

async function readFromStore(
  { server, target }: RequestContext,
  { selection, limit, continueToken }: ReadOptions,
  revision: number,
  start = selection.prefix,
): Promise<Page> {
  const items: StoredObject[] = [];
  const range = { key: start, end: rangeEnd(selection.prefix), revision, mostKeys: storePageSize };
  const pages = server.store.pages(range, (request) => measured(server, target.info, request), pageSlots);
  const { index } = server.cache.resource(target.info.storagePrefix ?? '');
  let total: number | undefined;
  try {
    for (;;) {
      const page = await pages.next();
      if (page === undefined) return { items, meta: { resourceVersion: String(revision) } };
      // Of the whole range, not of this part of it.
      total ??= page.count;
      // What is still the same is here already: clients that are slow to take a list of the past share it.
      const found = page.kvs.flatMap((kv) => {
        const known = index.get(kv.key.toString());
        return known?.revision === kv.modRevision ? [known] : readableOf(kv);
      });
      await prepareViews(target.info, found);
      for (const stored of found) {
        if (!isWanted(target.info, selection, stored)) continue;
        if (limit > 0 && items.length >= limit) {
          const left = selection.isWhole ? total - items.length : undefined;
          const next = `${items.at(-1)?.key ?? ''}\0`;
          return { items, meta: pageMeta(revision, next, selection.prefix, left) };
        }
        items.push(stored);
      }
    }
  } catch (error) {
    if (!(error instanceof Compacted)) throw error;
    if (continueToken !== '') throw expiredToken({ revision, start }, selection.prefix);
    throw new StatusError(expired('The resourceVersion for the provided list is too old.'));
  }
}

/** Of a page that does not end the list: the next may begin with the key `next`, and `left` objects, if that is known, follow. */
function pageMeta(revision: number, next: string, prefix: string, left: number | undefined): ListMeta {
  return {
    resourceVersion: String(revision),
    continue: formatToken({ revision, start: next }, prefix),
    ...(left === undefined ? {} : { remainingItemCount: left }),
  };
}
