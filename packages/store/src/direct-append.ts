/**
 * Appends on the calling thread, with a file of its own for the segment that is written to. Only what needs nothing but
 * one write and one sync: new segments are begun by the log's thread.
 */
import { isDiskFull } from './disk-room.ts';
import { noBugs } from './known-bugs.ts';
import { folderDisk, type LogFile } from './log-disk.ts';
import type { LogTail } from './log-tail.ts';
import type { Append } from './log-requests.ts';
import { segmentName, type WalFilesOptions } from './wal-files.ts';

export class DirectAppend {
  readonly #tail: LogTail;
  readonly #options: WalFilesOptions;
  #file: { readonly segment: number; readonly file: LogFile } | undefined;

  constructor(tail: LogTail, options: WalFilesOptions) {
    this.#tail = tail;
    this.#options = options;
  }

  /** Whether this needs no new segment. The caller has the turn. */
  takes({ batch }: Append): boolean {
    const { isNew, offset } = this.#tail;
    return !isNew && offset + batch.byteLength <= this.#options.segmentBytes;
  }

  /**
   * The caller has the turn. False when this is for the log's thread: nothing has changed then. Throws when it is
   * unknown what is durable, after which the log must end.
   */
  append(request: Append): boolean {
    if (!this.takes(request)) return false;
    const { batch, lastIndex, hardState } = request;
    const { bugs = noBugs } = this.#options;
    const tail = this.#tail;
    const file = this.#open(tail.segment);
    try {
      tail.write(file, Buffer.from(batch));
    } catch (error) {
      // The log's thread tries until there is some.
      if (isDiskFull(error)) return false;
      throw error;
    }
    if (!bugs.has('ack-before-fsync')) file.sync();
    tail.synced(lastIndex, hardState);
    return true;
  }

  close(): void {
    this.#file?.file.close();
    this.#file = undefined;
  }

  #open(segment: number): LogFile {
    if (this.#file?.segment !== segment) {
      this.close();
      const { disk = folderDisk(this.#options.folder) } = this.#options;
      this.#file = { segment, file: disk.open(segmentName(segment)) };
    }
    return this.#file.file;
  }
}
