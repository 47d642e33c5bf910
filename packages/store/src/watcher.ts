/** One watch: what it wants, and how far it is. */
import type { KeyRange } from './key-index.ts';
import type { WatchEvent } from './types.ts';

export interface WatcherOptions {
  readonly range: KeyRange;
  /** First revision to report. */
  readonly from: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  /** Takes the events of whole revisions, up to and including `revision`; false when the client cannot keep up. */
  readonly deliver: (events: readonly WatchEvent[], revision: number) => boolean;
  /** History before this revision is gone; the watch is over. */
  readonly compacted: (revision: number) => void;
}

export class Watcher {
  readonly options: WatcherOptions;
  next: number;
  /** Waits for its client: `resume` puts it back. */
  paused = false;
  closed = false;
  /** In a group: the newest of its revisions with events that this watcher was given. */
  seen = 0;

  constructor(options: WatcherOptions) {
    this.options = options;
    this.next = options.from;
  }
}
