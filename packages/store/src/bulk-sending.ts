/**
 * Sends a whole state over a connection of its own, as fast as the other side takes it: the next frame is asked for when
 * the one before has left.
 */
import type { Socket } from 'node:net';
import { framePieces } from './bulk-frames.ts';
import { giveBack } from '@timonier/component/give-back';
import { established, type PeerTls } from './peer-socket.ts';
import { encodeFrame, FrameReader, type PeerFrame, peerProtocol } from './peer-wire.ts';

export interface BulkSendingOptions {
  readonly cluster: string;
  readonly member: string;
  readonly tls: PeerTls | undefined;
  readonly onSent: (bytes: number) => void;
  /** In milliseconds, without any progress. */
  readonly idleMs: number;
}

/**
 * Resolves when the member at the other end of `socket` has confirmed the last frame; rejects when it refuses, when the
 * connection ends before that and when nothing moves for too long. Values of chunks are given away: their memory is
 * somebody else's afterwards. The socket is destroyed in any case.
 */
export async function sendBulk(
  socket: Socket,
  frames: AsyncIterable<PeerFrame>,
  { cluster, member, tls, onSent, idleMs }: BulkSendingOptions,
): Promise<void> {
  const timer = setTimeout(() => socket.destroy(new Error(`no progress in ${idleMs} ms`)), idleMs);
  try {
    await established(socket, tls);
    socket.write(encodeFrame({ hello: { cluster, member, protocol: peerProtocol, bulk: true } }));
    const ended = confirmed(socket);
    // A member may confirm too early: what has not left is not its sender's to give back.
    const broken = ended.then(() => new Promise<never>(() => undefined));
    broken.catch(() => undefined);
    for await (const frame of frames) {
      if (socket.destroyed) break;
      const pieces = framePieces(frame);
      let bytes = 0;
      for (const piece of pieces) bytes += piece.length;
      onSent(bytes);
      await Promise.race([writeAll(socket, pieces), broken]);
      for (const value of frame.snapshotChunk?.values ?? []) giveBack(value);
      timer.refresh();
    }
    await ended;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Resolves with the other side's word that it has everything. */
function confirmed(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let isConfirmed = false;
    const reader = FrameReader.ofStranger();
    socket.on('data', (chunk) => {
      for (const frame of reader.push(chunk)) {
        if (frame.hello?.refusal) reject(new Error(frame.hello.refusal));
        if (frame.snapshotEnd !== undefined) isConfirmed = true;
      }
      if (isConfirmed) resolve();
    });
    socket.once('close', () => reject(new Error('connection closed before the end was confirmed')));
    socket.once('error', reject);
  });
}

/** Resolves when all of them were handed to the system, in one go where it can. */
async function writeAll(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.cork();
    for (const [i, piece] of pieces.entries())
      if (i < pieces.length - 1) socket.write(piece);
      else socket.write(piece, (error) => (error == null ? resolve() : reject(error)));
    socket.uncork();
  });
}
