/**
 * etcdserverpb.Watch: many watches multiplexed on one stream.
 *
 * The stream's transport is the only buffer: when it is full, watchers are paused and continue from history once it
 * has drained (see watch.ts). Progress is announced only when every revision up to it was delivered.
 */
import { type BidiCall, goErrorText, GrpcError, type Handlers } from '@timonier/grpc';
import type { Credentials } from '../auth/types.ts';
import { keyRange } from '../key-index.ts';
import type { WatchCreateRequest, WatchEvent, WatchResponse } from '../types.ts';
import type { Watcher } from '../watcher.ts';
import { header, type ServiceContext } from './context.ts';

interface WatchRequest {
  readonly createRequest?: WatchCreateRequest;
  readonly cancelRequest?: { readonly watchId: number };
  readonly progressRequest?: object;
}

export type WatchShape = {
  watch: { request: WatchRequest; response: WatchResponse; kind: 'bidi' };
};

const filter = { noPut: 0, noDelete: 1 } as const;
/** Responses of fragmented watches are cut near this size, below the usual limit of clients. */
const fragmentBytes = 1_500_000;
const maxWatchesPerStream = 10_000;

/**
 * Responses with the same events, which watchers that asked for the same are given one after the other. They are
 * frozen: such a message is encoded once, however many streams it is written to.
 */
class SharedResponses {
  readonly #context: ServiceContext;
  #events: readonly WatchEvent[] = [];
  #revision = 0;
  #term = 0;
  readonly #byId = new Map<number, WatchResponse>();

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  of(watchId: number, events: readonly WatchEvent[], revision: number): WatchResponse {
    const { term } = this.#context.member.host;
    if (events !== this.#events || revision !== this.#revision || term !== this.#term) {
      this.#events = events;
      this.#revision = revision;
      this.#term = term;
      this.#byId.clear();
    }
    let response = this.#byId.get(watchId);
    if (response === undefined) {
      response = Object.freeze({ watchId, events, header: header(this.#context, revision) });
      this.#byId.set(watchId, response);
    }
    return response;
  }
}

export function watchHandlers(context: ServiceContext): Handlers<WatchShape> {
  const shared = new SharedResponses(context);
  return {
    watch: async (call) => {
      const stream = new WatchStream(context, call, shared);
      try {
        for await (const request of call.requests) stream.take(request);
        // The client will ask nothing more, but its watches go on until it ends the call.
        await new Promise<void>((resolve) => {
          if (call.signal.aborted) resolve();
          else call.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } finally {
        stream.close();
      }
    },
  };
}

interface Entry {
  readonly watcher: Watcher;
  readonly progressNotify: boolean;
  announced: number;
}

class WatchStream {
  readonly #context: ServiceContext;
  readonly #call: BidiCall<WatchRequest, WatchResponse>;
  readonly #shared: SharedResponses;
  readonly #watches = new Map<number, Entry>();
  readonly #timer: NodeJS.Timeout;
  #nextId = 0;
  #draining = false;
  #progressWanted = false;

  constructor(context: ServiceContext, call: BidiCall<WatchRequest, WatchResponse>, shared: SharedResponses) {
    this.#context = context;
    this.#call = call;
    this.#shared = shared;
    this.#timer = setInterval(() => this.#notifyProgress(), context.progressIntervalMs);
    this.#timer.unref();
  }

  take(request: WatchRequest): void {
    if (request.createRequest !== undefined) this.#allowed(request.createRequest);
    else if (request.cancelRequest !== undefined) this.#cancel(request.cancelRequest.watchId);
    else if (request.progressRequest !== undefined) this.#requestProgress();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { watcher } of this.#watches.values()) this.#context.member.hub.remove(watcher);
    this.#watches.clear();
  }

  #respond(response: Omit<WatchResponse, 'header'>, revision?: number): boolean {
    return this.#write({ ...response, header: header(this.#context, revision) });
  }

  #write(response: WatchResponse): boolean {
    const room = this.#call.write(response);
    if (!room) this.#waitForDrain();
    return room;
  }

  #refuse(reason: string): void {
    this.#respond({ watchId: -1, created: true, canceled: true, cancelReason: reason, events: [] });
  }

  /** Creates the watch if its caller may read the range. */
  #allowed(asked: WatchCreateRequest): void {
    // As in etcd, an empty key stands for the smallest one.
    const request = asked.key.length === 0 ? { ...asked, key: Buffer.from([0]) } : asked;
    const { auth } = this.#context.member.machine;
    if (!auth.enabled) {
      this.#create(request);
      return;
    }
    const decide = (who: Credentials): void => {
      try {
        auth.check(who, request.key, request.rangeEnd, 'read');
      } catch (error) {
        this.#refuse(reasonOf(error));
        return;
      }
      this.#create(request);
    };
    try {
      const who = this.#context.credentials.of(this.#call);
      if (who instanceof Promise) who.then(decide, (error: unknown) => this.#refuse(reasonOf(error)));
      else decide(who);
    } catch (error) {
      this.#refuse(reasonOf(error));
    }
  }

  #create(request: WatchCreateRequest): void {
    const { hub, machine } = this.#context.member;
    const refuse = (reason: string): void => this.#refuse(reason);
    const range = keyRange(request.key, request.rangeEnd);
    if (range.to !== undefined && range.from >= range.to) {
      refuse('mvcc: watcher range is empty');
      return;
    }
    let id = request.watchId;
    if (id === 0) {
      while (this.#watches.has(this.#nextId)) this.#nextId++;
      id = this.#nextId++;
    } else if (this.#watches.has(id)) {
      refuse('mvcc: duplicate watch ID provided on the WatchStream');
      return;
    }
    if (this.#watches.size >= maxWatchesPerStream) {
      refuse(`etcdserver: more than ${maxWatchesPerStream} watches on one stream`);
      return;
    }
    const { revision } = machine.state;
    this.#respond({ watchId: id, created: true, events: [] }, revision);
    const watcher = hub.add({
      range,
      from: request.startRevision > 0 ? request.startRevision : revision + 1,
      prevKv: request.prevKv,
      noPut: request.filters.includes(filter.noPut),
      noDelete: request.filters.includes(filter.noDelete),
      deliver: (events, upTo) => this.#deliver(id, request.fragment, events, upTo),
      compacted: (compactRevision) => {
        this.#watches.delete(id);
        // As in etcd, this response alone has no revision, and no reason but the revision that is left.
        this.#respond(
          {
            watchId: id,
            canceled: true,
            compactRevision,
            events: [],
          },
          0,
        );
      },
    });
    this.#watches.set(id, { watcher, progressNotify: request.progressNotify, announced: revision });
  }

  #deliver(id: number, fragment: boolean, events: readonly WatchEvent[], revision: number): boolean {
    this.#context.metrics.events.inc(events.length);
    const entry = this.#watches.get(id);
    if (entry !== undefined) entry.announced = revision;
    if (!fragment) return this.#write(this.#shared.of(id, events, revision));
    let room = true;
    let part: WatchEvent[] = [];
    let bytes = 0;
    for (const event of events) {
      const size = event.kv.key.length + event.kv.value.length + (event.prevKv?.value.length ?? 0) + 64;
      if (part.length > 0 && bytes + size > fragmentBytes) {
        room = this.#respond({ watchId: id, events: part, fragment: true }, revision) && room;
        part = [];
        bytes = 0;
      }
      part.push(event);
      bytes += size;
    }
    return this.#respond({ watchId: id, events: part }, revision) && room;
  }

  #cancel(id: number): void {
    const entry = this.#watches.get(id);
    if (entry === undefined) return;
    this.#context.member.hub.remove(entry.watcher);
    this.#watches.delete(id);
    this.#respond({ watchId: id, canceled: true, events: [] });
  }

  /** Answered once every watch of the stream is up to date. */
  #requestProgress(): void {
    this.#progressWanted = true;
    this.#tryProgress(200);
  }

  #tryProgress(attempts: number): void {
    if (!this.#progressWanted || this.#call.signal.aborted) return;
    const { hub } = this.#context.member;
    for (const { watcher } of this.#watches.values())
      if (!hub.isCurrent(watcher)) {
        if (attempts > 0) setTimeout(() => this.#tryProgress(attempts - 1), 25).unref();
        else this.#progressWanted = false;
        return;
      }
    this.#progressWanted = false;
    this.#respond({ watchId: -1, events: [] });
  }

  #notifyProgress(): void {
    const { hub, machine } = this.#context.member;
    const { revision } = machine.state;
    for (const [id, entry] of this.#watches) {
      if (!entry.progressNotify || !hub.isCurrent(entry.watcher) || this.#draining) continue;
      entry.announced = revision;
      this.#respond({ watchId: id, events: [] }, revision);
    }
  }

  #waitForDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    void this.#call.drained().then(() => {
      this.#draining = false;
      for (const { watcher } of this.#watches.values()) this.#context.member.hub.resume(watcher);
    });
  }
}

/** A refusal in the words of Go's gRPC errors, which is what etcd's clients find there. */
function reasonOf(error: unknown): string {
  return error instanceof GrpcError ? goErrorText(error) : String(error);
}
