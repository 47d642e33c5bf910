/**
 * What one stream has to send, and the queue in which it waits for windows and the socket.
 *
 * Invariant: `queuedBytes` is what the queue holds, prefixes of messages with it, and a queue that is there holds something.
 */
import { prefixBytes } from './inbox.ts';
import { putUint32 } from './protocol.ts';

/** Shorter messages are copied behind their prefix: two buffers cost more. */
const copiedBytes = 1_024;

/** Kept for a stream by the sender. */
export interface Sending {
  readonly id: number;
  sendWindow: number;
  /** The head is on its way, ahead of everything else. */
  headersSent: boolean;
  /** It as it was when it had to wait for the socket. */
  waitingHead: Buffer | undefined;
  /** The header block that begins the stream. */
  readonly opening: Buffer;
  /** Its messages are bytes as they are, without gRPC's prefix. */
  readonly isWeb: boolean;
  queue: Buffer[] | undefined;
  queuedBytes: number;
  /** The header block that ends the stream behind what is queued; empty for an end without one. */
  trailers: Buffer | undefined;
  /** There is room for more messages. */
  drain(): void;
  /** The kernel has everything that was sent when it asked to be told (`lend`). */
  taken?(): void;
}

/** A message behind its prefix. */
export function queueMessage(stream: Sending, message: Buffer): void {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  putUint32(prefix, 1, message.length);
  const queue = (stream.queue ??= []);
  queue.push(message.length < copiedBytes ? Buffer.concat([prefix, message]) : prefix);
  if (message.length >= copiedBytes) queue.push(message);
  stream.queuedBytes += prefixBytes + message.length;
}

/** Bytes as they are, of which there must be some. */
export function queueBytes(stream: Sending, bytes: Buffer): void {
  (stream.queue ??= []).push(bytes);
  stream.queuedBytes += bytes.length;
}

/** Hands over the next `size` bytes, which must be there. */
export function takeQueued(
  stream: Sending,
  size: number,
  to: { readonly append: (bytes: Buffer) => void },
): void {
  const queue = stream.queue ?? [];
  let room = size;
  let used = 0;
  while (room > 0) {
    const bytes = queue[used];
    if (bytes === undefined)
      throw new Error(`stream ${stream.id} counts ${room} bytes that it does not hold`);
    if (bytes.length <= room) {
      to.append(bytes);
      room -= bytes.length;
      used++;
    } else {
      to.append(bytes.subarray(0, room));
      queue[used] = bytes.subarray(room);
      room = 0;
    }
  }
  if (used > 0) queue.splice(0, used);
  stream.queuedBytes -= size;
  if (queue.length === 0) stream.queue = undefined;
}
