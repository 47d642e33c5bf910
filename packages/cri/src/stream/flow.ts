/** Moves everything from one stream to another at the pace of the slower; settles when either has ended. */
import type { Readable, Writable } from 'node:stream';

export function flow(from: Readable, to: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      // A reader that is gone must not stop the writer: what is left is dropped.
      from.unpipe(to);
      from.resume();
      resolve();
    };
    if (from.readableEnded || from.destroyed) {
      resolve();
      return;
    }
    from.once('end', done);
    from.once('close', done);
    from.once('error', done);
    to.once('close', done);
    from.pipe(to, { end: false });
  });
}
