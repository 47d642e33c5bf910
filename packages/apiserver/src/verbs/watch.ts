/**
 * watch: a stream of changes. The watcher is a cursor into the resource's log, advanced as fast as its connection
 * takes bytes. A position older than the log is served from the store's history first, so that a client resumes on any
 * master without listing again. Ends with 410 only when the store itself has forgotten.
 */
import { StatusError, tooOldResourceVersion } from '@timonier/api/statuses';
import type { OfficeState } from '@timonier/client/office';
import { WatchEncoder } from '../cache/watch-encoder.ts';
import { replayHistory } from '../cache/history.ts';
import type { CacheEvent } from '../cache/cache-event.ts';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { Route } from '../cache/routes.ts';
import { contentTypes } from '../http/media.ts';
import type { WatchedEvents } from '../metrics/cache-metrics.ts';
import { forbiddenProblem, notSupported, type Problem, refuseOptions } from '../pipeline/query.ts';
import { includeObjectOf, offerOf, representationOf, statusOf } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { rangeEnd } from '../storage/keys.ts';
import { needsPreparation, prepareViews, viewOf } from '../storage/views.ts';
import { Compacted } from '../storage/store-failures.ts';
import { freshEnough } from './get.ts';
import { readAhead } from './list.ts';
import { type ReadOptions, readOptions } from './read-options.ts';

/** Watches end after a random time in this range when the client names none, so that they do not all end at once. */
const minTimeoutSeconds = 1_800;
const bookmarkMs = 10_000;
/** Events handled before other work gets a turn. */
const burst = 256;

export async function watch(context: RequestContext): Promise<void> {
  const { exchange, server, target } = context;
  const options = readOptions(context);
  checkInitialEvents(options);
  const representation = representationOf(exchange, {
    ...offerOf(target.info),
    isCollection: true,
    isWatch: true,
  });
  const encoder = new WatchEncoder(target.info, options.selection, representation, includeObjectOf(exchange));
  const wantsState = options.sendInitialEvents ?? (options.revision ?? 0) === 0;
  // Without a version "newest" is where the store is now; with one, where the client is.
  const isAhead = (options.revision ?? 0) > server.cache.revision;
  if (!isAhead && (wantsState || options.revision === undefined))
    await freshEnough(context, options.revision);
  if (server.cache.revision === 0) await server.reads.reached(1);
  const suffix = representation.media === 'protobuf' ? ';stream=watch' : '';
  exchange.startStream(200, `${contentTypes[representation.media]}${suffix}`);
  try {
    // As upstream, which has begun the answer by then: what is wrong is an event.
    if (isAhead && wantsState) await freshEnough(context, options.revision);
    // Only now: what the cache had may have been loaded anew while this waited.
    const resource = server.cache.resource(target.info.storagePrefix ?? '');
    await new WatchStream(context, options, encoder, resource).run(wantsState);
  } catch (error) {
    if (!exchange.signal.aborted) {
      // Without an end in good order: the client is to see that something is missing.
      if (!(error instanceof StatusError)) throw error;
      exchange.response.write(encoder.error(statusOf(error)));
    }
  }
  exchange.response.end();
}

function checkInitialEvents(options: ReadOptions): void {
  const { sendInitialEvents, match, continueToken } = options;
  const field = 'resourceVersionMatch';
  const problems: Problem[] = [];
  if (sendInitialEvents === undefined && match !== '')
    problems.push(
      forbiddenProblem(
        field,
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    );
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    problems.push(
      forbiddenProblem(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    );
  // Without a version the state is asked for as if a match had been told.
  const isMatched = match !== '' || (sendInitialEvents === undefined && (options.revision ?? 0) === 0);
  if (continueToken !== '' && isMatched)
    problems.push(forbiddenProblem(field, 'resourceVersionMatch is forbidden when continue is provided'));
  if (match === 'Exact') problems.push(notSupported(field, JSON.stringify(match), ['NotOlderThan']));
  refuseOptions('ListOptions', problems);
}

class WatchStream {
  readonly #context: RequestContext;
  readonly #options: ReadOptions;
  readonly #encoder: WatchEncoder;
  readonly #resource: ResourceCache;
  readonly #events: WatchedEvents;
  /** Present where only changes of objects with a certain value concern this watch. */
  #route: Route | undefined;
  #wake: () => void = () => undefined;
  /** Changes up to this revision are not for this client, which may be ahead. */
  #after = 0;
  /** True once the position is lost or the time is over: the client resumes from the last version it saw. */
  #ended = false;
  /** True once the kind is not served any more: what has happened so far is sent, and nothing else. */
  #isLast = false;
  /** True when a bookmark is wanted as soon as everything before it is sent. */
  #bookmarkDue = false;
  /** True once the time was over while the client took nothing: what would have come next it has not seen. */
  #isCutOff = false;
  #stopDraining: () => void = () => undefined;

  constructor(context: RequestContext, options: ReadOptions, encoder: WatchEncoder, resource: ResourceCache) {
    this.#context = context;
    this.#options = options;
    this.#encoder = encoder;
    this.#resource = resource;
    this.#events = context.server.metrics.cacheUse.watched(context.target.info);
  }

  /** To be called in the turn in which the resource was taken: from then on it is noticed when it is loaded anew. */
  async run(wantsState: boolean): Promise<void> {
    const { exchange, server } = this.#context;
    const { timeoutSeconds, allowBookmarks } = this.#options;
    const stopListening = [
      this.#listen(),
      server.cache.onReset(() => this.#end()),
      this.#onTakingOffice(),
      this.#onOtherShape(),
    ];
    const seconds = timeoutSeconds || minTimeoutSeconds * (1 + Math.random());
    const onAbort = (): void => this.#wake();
    exchange.signal.addEventListener('abort', onAbort, { once: true });
    const timers = [
      // Its own word counts: by the clock it may come a moment early, for it is set by when this turn began.
      setTimeout(() => this.#end(), Math.max(1, Math.min(seconds * 1_000, 2 ** 31 - 1))),
      setInterval(() => this.#wake(), bookmarkMs),
    ];
    try {
      let sequence = wantsState ? await this.#sendState() : await this.#position();
      exchange.onBegun();
      let bookmarked = performance.now();
      while (!this.#ended && !this.#resource.log.closed && !exchange.signal.aborted) {
        sequence = await this.#sendChanges(sequence);
        if (this.#isLast && this.#resource.log.nextSequence === sequence) break;
        this.#bookmarkDue ||=
          allowBookmarks &&
          server.cache.revision >= this.#after &&
          performance.now() - bookmarked >= bookmarkMs * 0.9;
        // With all of the log sent, every change up to the cache's revision is behind this cursor, of whatever
        // resource it was.
        if (!this.#ended && this.#bookmarkDue && this.#resource.log.nextSequence === sequence) {
          this.#bookmarkDue = false;
          bookmarked = performance.now();
          await this.#write(this.#encoder.bookmark(server.cache.revision, false));
        }
        if (this.#resource.log.nextSequence === sequence && !this.#bookmarkDue) await this.#sleep();
      }
    } finally {
      for (const stop of stopListening) stop();
      for (const timer of timers) clearTimeout(timer);
      exchange.signal.removeEventListener('abort', onAbort);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
    this.#stopDraining();
  }

  #listen(): () => void {
    const { log } = this.#resource;
    const { required } = this.#options.selection;
    if (required === undefined) return log.onAppend(() => this.#wake());
    const route = log.follow(() => this.#wake(), required);
    this.#route = route;
    return () => log.leave(route);
  }

  /** The loops of a master that takes the office wait for its revision, which most resources show by a bookmark only. */
  #onTakingOffice(): () => void {
    const { office, cache } = this.#context.server;
    const notice = async ({ role, revision }: OfficeState): Promise<void> => {
      if (role !== 'active' || revision === null) return;
      if (!(await cache.waitFor(revision, bookmarkMs))) return;
      this.#bookmarkDue = this.#options.allowBookmarks && cache.revision >= this.#after;
      this.#wake();
    };
    if (office === undefined) return () => undefined;
    const stop = office.onChange((state) => void notice(state));
    // The office may have been taken while this client was on its way here.
    if ((this.#options.revision ?? 0) < (office.state.revision ?? 0)) void notice(office.state);
    return stop;
  }

  /**
   * A custom kind that is defined anew is watched anew: who goes on to see objects by the old schema would miss new fields,
   * and take them away with what it writes.
   */
  #onOtherShape(): () => void {
    const { info } = this.#context.target;
    const { registry } = this.#context.server;
    if (info.custom === undefined) return () => undefined;
    const look = (): void => {
      const now = registry.lookup(info.group, info.version, info.resource);
      if (now?.custom === info.custom) return;
      if (now !== undefined) this.#end();
      this.#isLast = true;
      this.#wake();
    };
    look();
    return registry.onChange(look);
  }

  /** Sends everything there is as added, and returns where changes go on from. */
  async #sendState(): Promise<number> {
    const { server, target } = this.#context;
    const { selection, allowBookmarks } = this.#options;
    await readAhead(this.#context, this.#options);
    const sequence = this.#resource.log.nextSequence;
    // The resource may have been loaded anew meanwhile: it is at no version any more that the cache could name.
    if (this.#ended) return sequence;
    const revision = server.cache.revision;
    const { index } = this.#resource;
    const stored =
      selection.required === undefined
        ? index.getRange(selection.prefix, rangeEnd(selection.prefix)).map(([, object]) => object)
        : this.#resource.under(selection.required);
    if (needsPreparation(target.info)) await prepareViews(target.info, stored);
    const objects = stored
      .map((object) => viewOf(target.info, object))
      .filter((object) => selection.matches(object));
    for (const object of objects) {
      if (this.#isCutOff) break;
      await this.#write(this.#encoder.initial(object));
    }
    // Whoever takes bookmarks is told where the state ends, asked for or not.
    if (allowBookmarks) await this.#write(this.#encoder.bookmark(revision, true));
    return sequence;
  }

  /** Where changes after the client's resourceVersion begin, after replaying what the log no longer has. */
  async #position(): Promise<number> {
    const { server, exchange } = this.#context;
    const { log } = this.#resource;
    // Without the present state, 0 means as little as no version: what comes from now on.
    const revision = this.#options.revision || server.cache.revision;
    // A watch ahead of the local replica waits, for as long as it takes: the changes in between are not for this client. Of others
    // the position says it, for what becomes readable is told at the revision at which that happens, which may be theirs.
    if (revision > server.cache.revision) this.#after = revision;
    const known = log.after(revision);
    if (known !== undefined) return known;
    const to = log.floor;
    const { prefix } = this.#options.selection;
    try {
      for await (const event of replayHistory(server.store, prefix, revision, to, exchange.signal)) {
        if (this.#isCutOff || this.#ended) break;
        await this.#prepare(event);
        const frame = this.#encoder.change(event);
        if (frame !== undefined) await this.#write(frame);
      }
    } catch (error) {
      if (!(error instanceof Compacted)) throw error;
      server.metrics.expiredWatches.inc();
      throw new StatusError(tooOldResourceVersion(String(revision), String(error.compactRevision || to)));
    }
    const next = log.after(to);
    this.#ended ||= next === undefined;
    return next ?? log.nextSequence;
  }

  async #sendChanges(from: number): Promise<number> {
    const { exchange } = this.#context;
    let sequence = from;
    for (let handled = 0; handled < burst && !this.#ended; handled++) {
      if (this.#route !== undefined) sequence = this.#resource.log.nextFor(this.#route, sequence);
      const event = this.#resource.log.at(sequence);
      if (event === undefined) return sequence;
      if (event === 'lost') {
        this.#ended = true;
        return sequence;
      }
      if (event.revision <= this.#after) {
        sequence++;
        continue;
      }
      if (needsPreparation(this.#context.target.info)) await this.#prepare(event);
      const isEncoded = event.encoded !== undefined;
      const frame = this.#encoder.change(event);
      if (!isEncoded && event.encoded !== undefined) this.#resource.log.encoded(sequence);
      sequence++;
      if (frame !== undefined) await this.#write(frame);
      if (exchange.signal.aborted) return sequence;
    }
    await new Promise((resolve) => setImmediate(resolve));
    return sequence;
  }

  async #prepare({ current, previous }: CacheEvent): Promise<void> {
    await prepareViews(this.#context.target.info, [current, previous]);
  }

  async #write(frame: Buffer): Promise<void> {
    const { exchange } = this.#context;
    if (exchange.signal.aborted || this.#isCutOff) return;
    exchange.sentBytes += frame.length;
    this.#events.sent(frame.length);
    if (!exchange.response.write(frame)) this.#isCutOff = !(await this.#isTaken());
  }

  /**
   * Whether the client takes what it was sent before the time is over. What it has not taken by then, and the end behind it,
   * waits on for a while without anybody.
   */
  async #isTaken(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#stopDraining = () => resolve(false);
    void this.#context.exchange.drained().then(() => resolve(true));
    if (this.#ended) resolve(false);
    const isTaken = await promise;
    this.#stopDraining = () => undefined;
    return isTaken;
  }

  #sleep(): Promise<void> {
    if (this.#ended || this.#context.exchange.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = () => undefined;
        resolve();
      };
    });
  }
}
