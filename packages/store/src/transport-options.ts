/** What connections between members are given: who this member is, and whom to tell what came and what ended. */
import type { NodeId } from '@timonier/raft';
import type { PeerTls } from './peer-socket.ts';
import type { PeerFrame, Roster } from './peer-wire.ts';

export interface TransportLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A connection opened for one snapshot. */
export interface BulkReceiver {
  /** Nothing in the frame may be used once this resolved. Rejects to end the connection. */
  frame(frame: PeerFrame): Promise<void>;
  /** Called once, when nothing of it is being worked on any more. */
  closed(): void;
}

export interface TransportOptions {
  readonly cluster: string;
  readonly member: NodeId;
  readonly tls: PeerTls | undefined;
  readonly log: TransportLog;
  readonly onFrame: (from: NodeId, frame: PeerFrame) => void;
  /** A connection that was established is gone. */
  readonly onClosed: (peer: NodeId) => void;
  readonly onConnected: (peer: NodeId) => void;
  readonly onBulk: (from: NodeId) => BulkReceiver;
  /** Where this member is reached, told to everyone it calls. */
  readonly urls?: readonly string[];
  /** A member called, and said where it is reached. */
  readonly onCalled?: (from: NodeId, urls: readonly string[]) => void;
  /** Whether a member was taken out of the group for good: it is refused and told why. */
  readonly isRemoved?: (member: NodeId) => boolean;
  /** Another member says that this one was. */
  readonly onRemoved?: (by: NodeId) => void;
  /** The answer to somebody who wants to join. */
  readonly roster?: () => Roster;
  /** A frame was not sent: there was no connection to the member, or no room. */
  readonly onDropped?: (peer: NodeId) => void;
  /** After so many milliseconds in which a member's host acknowledged nothing that was sent there is a new connection. */
  readonly silenceMs?: number;
  readonly onBytes?: (peer: NodeId, direction: 'sent' | 'received', bytes: number) => void;
}
