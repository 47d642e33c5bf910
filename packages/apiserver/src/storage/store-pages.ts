/**
 * A range of the store's keys, page by page. The store counts keys, and what a page may have is bytes: a thousand Secrets are a
 * megabyte or a gigabyte. So the first page asks for few keys, and every next one for as many as come to some megabytes if they
 * are like those before, though not for many times more. An answer beyond what the client takes, or that does not come in time, is
 * asked for again in fewer keys.
 *
 * Keys of one kind are alike. Where folders are told, no page goes beyond the one that it begins in, and each begins with few keys
 * again: who has just read thousands of small objects does not ask for thousands of large ones.
 */
import { GrpcError, Status } from '@timonier/grpc';
import type { RangeRequest, RangeResponse } from './etcd-messages.ts';

/** What this client says of an answer beyond its limit, and others. A store that is asked for too much at once says another thing. */
const larger = /larger than max/;
/** What a page should have. */
const wantedBytes = 4 * 1024 * 1024;
const firstKeys = 64;
const growth = 4;
const shrinkage = 8;

/** Plain numbers, of all pages of a store client. */
export class PageCounts {
  pages = 0;
  bytes = 0;
  /** Answers that were too large. */
  tooLarge = 0;
  /** Answers that took too long. */
  tooLate = 0;
}

export interface PagedRange {
  readonly key: string;
  readonly end: string | Buffer;
  /** Without one the first page's is that of all. */
  readonly revision?: number;
  /** The most keys of a page. */
  readonly mostKeys?: number;
  /** Where the folder ends that a key lies in; undefined where there are none. */
  readonly folderEnd?: (key: string) => string | undefined;
}

export class StorePages {
  readonly #read: (request: RangeRequest) => Promise<RangeResponse>;
  readonly #range: PagedRange;
  readonly #counts: PageCounts;
  #revision: number;
  #keys = firstKeys;
  #key: string;
  /** Of the folder that is being read. */
  #end: string | undefined;
  #isDone = false;

  constructor(
    read: (request: RangeRequest) => Promise<RangeResponse>,
    range: PagedRange,
    counts: PageCounts,
  ) {
    this.#read = read;
    this.#range = range;
    this.#counts = counts;
    this.#key = range.key;
    this.#revision = range.revision ?? 0;
  }

  /** Of all pages; 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  /** The next page; undefined after the last one. It may be empty. */
  async next(): Promise<RangeResponse | undefined> {
    if (this.#isDone) return undefined;
    const page = await this.#page();
    this.#revision ||= page.header?.revision ?? 0;
    const last = page.kvs.at(-1)?.key.toString();
    if (page.more && last !== undefined) {
      this.#key = `${last}\0`;
      if (this.#end !== undefined) return page;
      this.#end = this.#range.folderEnd?.(last);
      return page;
    }
    if (this.#end === undefined) this.#isDone = true;
    else {
      this.#key = this.#end;
      this.#end = undefined;
      this.#keys = firstKeys;
    }
    return page;
  }

  async #page(): Promise<RangeResponse> {
    const { end, mostKeys = 1_000 } = this.#range;
    for (;;) {
      const limit = Math.min(this.#keys, mostKeys);
      try {
        const page = await this.#read({
          key: this.#key,
          rangeEnd: this.#end ?? end,
          limit,
          ...(this.#revision === 0 ? {} : { revision: this.#revision }),
        });
        this.#learn(page, limit);
        return page;
      } catch (error) {
        if (limit === 1 || !(error instanceof GrpcError)) throw error;
        if (error.code === Status.RESOURCE_EXHAUSTED && larger.test(error.details)) {
          this.#counts.tooLarge++;
          this.#keys = Math.max(1, Math.floor(limit / shrinkage));
        } else if (error.code === Status.DEADLINE_EXCEEDED) {
          this.#counts.tooLate++;
          // One more try and no more: maybe the store has no answer at all.
          this.#keys = 1;
        } else throw error;
      }
    }
  }

  #learn({ kvs }: RangeResponse, limit: number): void {
    let bytes = 0;
    for (const { key, value } of kvs) bytes += key.length + value.length;
    this.#counts.pages++;
    this.#counts.bytes += bytes;
    if (kvs.length === 0) return;
    const fitting = Math.floor((wantedBytes * kvs.length) / bytes);
    this.#keys = Math.max(1, Math.min(fitting, limit * growth));
  }
}
