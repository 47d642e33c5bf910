/** What a member needs of the connections to others: `Transport`, or a twin whose links a simulator plays with. */
import type { PeerAddress } from './peer-socket.ts';
import type { PeerFrame } from './peer-wire.ts';

/** See `Transport` for what each does. */
export interface Network {
  listen(address: PeerAddress): Promise<number>;
  begin(): void;
  addPeer(id: string, address: PeerAddress): void;
  removePeer(id: string): void;
  connected(id: string): boolean;
  send(to: string, frame: PeerFrame): boolean;
  sendEncoded(to: string, bytes: Buffer): boolean;
  /** Lets go at once what was queued in this turn. A network that never waits need not have it. */
  flush?(): void;
  sendBulk(to: string, frames: AsyncIterable<PeerFrame>, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
