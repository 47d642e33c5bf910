/** A snapshot on its way, frame by frame, over a connection that a link of the simulated network carries. */
import { frameCodec, type PeerFrame } from '../../../packages/store/src/peer-wire.ts';
import type { Endpoint } from './endpoint.ts';
import type { World } from './world.ts';

export interface Route {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly delay: () => number;
  /** Whether the other end lives and is where it was called. */
  readonly isThere: () => boolean;
  /** Whether anything gets through at the moment. */
  readonly isOpen: () => boolean;
}

/** Resolves when the receiver has taken everything. Rejects when it ends, or when that takes longer than `timeoutMs`. */
export async function carryBulk(
  world: World,
  { from, to, delay, isThere, isOpen }: Route,
  frames: AsyncIterable<PeerFrame>,
  timeoutMs: number,
): Promise<void> {
  const receiver = to.options.onBulk(from.options.member);
  const until = world.now + timeoutMs;
  const cross = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const attempt = (): void => {
        if (!isThere() || world.now > until)
          reject(new Error('connection closed before the end was confirmed'));
        else if (isOpen()) resolve();
        else world.after(50, from.life, attempt);
      };
      world.after(delay(), from.life, attempt);
    });
  try {
    for await (const frame of frames) {
      await cross();
      const copy = frameCodec.decode(frameCodec.encode(frame));
      // What the receiver does belongs to its own life; the sender only waits for it.
      await new Promise<void>((resolve, reject) => {
        world.after(0, to.life, () => void receiver.frame(copy).then(resolve, reject));
        const watch = (): void => {
          if (to.life.over) reject(new Error('connection closed before the end was confirmed'));
          else world.after(100, from.life, watch);
        };
        world.after(100, from.life, watch);
      });
    }
    await cross();
  } catch (error) {
    if (!to.life.over) world.after(delay(), to.life, () => receiver.closed());
    throw error;
  }
}
