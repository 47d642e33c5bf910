/** What members send each other, as frames of protobuf behind their length; what the core says is in raft-wire.ts. */
import { loadMessage } from '@timonier/grpc';
import type { NodeId } from '@timonier/raft';
import type { WireMessage } from './raft-wire.ts';

export const peerProtocol = 1;

export interface PeerFrame {
  hello?: Hello;
  raft?: { messages: readonly WireMessage[] };
  forward?: { id: number; data: Buffer; term: number };
  forwardRefused?: { id: number; term: number };
  leaseCall?: { id: number; lease: bigint; renew: boolean };
  leaseAnswer?: { id: number; remainingMs: number; grantedTtl: number };
  snapshotHeader?: { message: WireMessage };
  snapshotChunk?: { keys: readonly Buffer[]; values: readonly Buffer[] };
  snapshotEnd?: { records: number };
  memberCall?: { id: number; change: string; proposer: number };
  memberAnswer?: MemberAnswer;
  rosterCall?: object;
  roster?: Roster;
  removed?: object;
  speaks?: Speaks;
  hashCall?: { id: number; revision: number };
  hashAnswer?: HashAnswer;
  whereabouts?: { members: readonly { id: NodeId; url: string }[] };
}

export interface MemberAnswer {
  id: number;
  code: number;
  text: string;
  index: number;
}

/** The hash counts only when it is known. */
export interface HashAnswer {
  id: number;
  known: boolean;
  hash: number;
  compactRevision: number;
}

/** Versions of the log that the sender speaks, and the one that it knows to be decided; 0 when none is. */
export interface Speaks {
  min: number;
  max: number;
  decided: number;
  asks: boolean;
}

export interface Roster {
  cluster: string;
  version: number;
  members: readonly RosterMember[];
  founders: readonly RosterMember[];
}

export interface RosterMember {
  id: string;
  name: string;
  peerUrls: readonly string[];
  witness: boolean;
}

export interface Hello {
  cluster: string;
  member: string;
  protocol: number;
  bulk?: boolean;
  refusal?: string;
  removed?: boolean;
  urls?: readonly string[];
}

export const frameCodec = loadMessage<PeerFrame>('raft/peer.proto', 'timonier.raft.v1.PeerFrame', {
  bigintFields: ['lease'],
});

/** In front of each frame: how long it is. */
export const lengthBytes = 4;
const maxFrameBytes = 256 * 1024 * 1024;
/** Of a frame of somebody who has not said who it is: enough for a hello with many addresses. */
const maxFirstFrameBytes = 64 * 1024;

/** A frame behind its length. */
export function encodeFrame(frame: PeerFrame): Buffer {
  const body = frameCodec.encode(frame);
  const out = Buffer.allocUnsafe(lengthBytes + body.length);
  out.writeUInt32BE(body.length, 0);
  body.copy(out, lengthBytes);
  return out;
}

/** How many bytes follow what is at the beginning of `head`. Throws when no frame may be as long. */
export function frameLength(head: Buffer, maxBytes = maxFrameBytes): number {
  const length = head.readUInt32BE(0);
  if (lengthBytes + length > maxBytes)
    throw new RangeError(`peer frame of ${lengthBytes + length} bytes is too long`);
  return length;
}

/** Cuts a byte stream into frames. Throws on a frame that is too long or malformed. */
export class FrameReader {
  #parts: Buffer[] = [];
  #have = 0;
  #maxBytes = maxFrameBytes;

  /** Takes only little until `trust`. */
  static ofStranger(): FrameReader {
    const reader = new FrameReader();
    reader.#maxBytes = maxFirstFrameBytes;
    return reader;
  }

  /** It is known who sends: frames of any length from now on. */
  trust(): void {
    this.#maxBytes = maxFrameBytes;
  }

  /** Adds bytes and yields every frame that is complete. */
  *push(chunk: Buffer): Generator<PeerFrame> {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    while (this.#have >= lengthBytes) {
      let buffer = this.#parts[0] ?? chunk;
      if (buffer.length < lengthBytes) buffer = this.#join();
      const need = lengthBytes + frameLength(buffer, this.#maxBytes);
      if (this.#have < need) return;
      if (buffer.length < need) buffer = this.#join();
      const rest = buffer.subarray(need);
      this.#parts[0] = rest;
      if (rest.length === 0) this.#parts.shift();
      this.#have -= need;
      yield frameCodec.decode(buffer.subarray(lengthBytes, need));
    }
  }

  /** What belongs to no complete frame yet: somebody else reads on. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#have = 0;
    return rest;
  }

  #join(): Buffer {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }
}
