/**
 * The near end of one forwarded port over the channel protocol, as runtimes serve it: channel 0 carries the bytes and
 * channel 1 an error text; both open with the port's number.
 */
import { type Readable, Transform, type Writable } from 'node:stream';
import { dial, type DialOptions } from './client.ts';
import { Link } from './link.ts';
import { channelProtocols } from './protocol.ts';

const openingBytes = 2;
const maxFailure = 4096;

export interface ForwardedPort {
  readonly output: Readable;
  /** Ending it closes the pod's input only where the runtime speaks v5. */
  readonly input: Writable;
  /** Resolves when the connection has ended: with a text when it failed. Never rejects. */
  readonly failure: Promise<string | undefined>;
  close(): void;
}

/** Dials the URL that a runtime gave for one port. */
export async function openPort(url: string | URL, options: DialOptions = {}): Promise<ForwardedPort> {
  const socket = await dial(url, options);
  const protocol = channelProtocols.find((name) => name === socket.protocol) ?? 'channel.k8s.io';
  const link = new Link(socket, protocol);
  let text = Buffer.alloc(0);
  link.listen(1, (payload) => {
    if (text.length < maxFailure) text = Buffer.concat([text, payload]);
  });
  let skip = openingBytes;
  const output = link.reader(0).pipe(
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        const rest = chunk.subarray(skip);
        skip -= chunk.length - rest.length;
        done(null, rest.length === 0 ? undefined : rest);
      },
    }),
  );
  const failure = new Promise<string | undefined>((resolve) => {
    const tell = (): void =>
      resolve(text.length > openingBytes ? text.toString('utf8', openingBytes) : undefined);
    link.closed.addEventListener('abort', tell, { once: true });
  });
  const input = link.writer(0, { closes: true });
  socket.resume();
  return { output, input, failure, close: () => link.close() };
}
