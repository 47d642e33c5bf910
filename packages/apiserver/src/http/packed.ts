/**
 * Pieces compressed while they are made. What compresses twenty to one would be made twenty times as far ahead of its client as anything
 * else, so little is packed at once, one piece at a time, and nothing before what came of the last is taken.
 */
import { createGzip, type Gzip, type ZlibOptions } from 'node:zlib';

/** A record of TLS. */
const packedBytes = 16 * 1024;
const options: ZlibOptions & { readableHighWaterMark: number } = {
  level: 1,
  chunkSize: packedBytes,
  readableHighWaterMark: packedBytes,
};

/** Ends what it reads from when nobody reads on, and fails with it. */
export async function* packed(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const gzip = createGzip(options);
  const signal = new Signal();
  gzip.on('readable', signal.wake);
  gzip.on('error', signal.fail);
  try {
    for await (const piece of pieces) {
      gzip.write(piece, signal.finish);
      yield* comingOut(gzip, signal);
    }
    gzip.once('end', signal.finish);
    gzip.end();
    yield* comingOut(gzip, signal);
  } finally {
    gzip.destroy();
  }
}

/** All that comes of what was put in: the last of it comes together with the word that it is finished. */
async function* comingOut(gzip: Gzip, signal: Signal): AsyncGenerator<Buffer, void, undefined> {
  for (let isFinished = false; ;) {
    const chunk = gzip.read() as Buffer | null;
    if (chunk !== null) yield chunk;
    else if (isFinished) return;
    else isFinished = await signal.isFinished();
  }
}

/** What a stream says, for whoever waits for it. */
class Signal {
  #isFinished = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  readonly wake = (): void => this.#wake();
  readonly finish = (): void => {
    this.#isFinished = true;
    this.#wake();
  };
  readonly fail = (error: Error): void => {
    this.#failure = error;
    this.#wake();
  };

  /** True once when it is finished; false when there may be something to read. Rejects when it failed. */
  async isFinished(): Promise<boolean> {
    if (!this.#isFinished && this.#failure === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (this.#failure !== undefined) throw this.#failure;
    const isFinished = this.#isFinished;
    this.#isFinished = false;
    return isFinished;
  }
}
