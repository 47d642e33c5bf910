/** Peer frames: their types, codec, and the translation between the core's messages and the wire. */
import { loadMessage } from '@timonier/grpc';
import type { Configuration, Entry, EntryType, Message, MessageType, NodeId } from '@timonier/raft';

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

interface WireEntry {
  term: number;
  index: number;
  type: number;
  data: Uint8Array;
}

export interface WireMessage {
  type: number;
  term: number;
  index?: number;
  logTerm?: number;
  commit?: number;
  round?: number;
  context?: number;
  flag?: boolean;
  hintIndex?: number;
  hintTerm?: number;
  entries?: readonly WireEntry[];
  configuration?: Configuration | undefined;
  loyalMs?: number;
  delayMs?: number;
  abandoned?: number;
  settled?: number;
}

export const frameCodec = loadMessage<PeerFrame>('raft/peer.proto', 'timonier.raft.v1.PeerFrame', {
  bigintFields: ['lease'],
});

/** Positions are the numbers on the wire. */
const types: readonly MessageType[] = [
  'pre-vote',
  'pre-vote-response',
  'vote',
  'vote-response',
  'append',
  'append-response',
  'heartbeat',
  'heartbeat-response',
  'commit',
  'read-index',
  'read-index-response',
  'timeout-now',
  'snapshot',
];
const numberOf = new Map(types.map((type, number) => [type, number] as const));
const entryTypes: readonly EntryType[] = ['normal', 'config', 'noop'];

/** A message of the core as it goes over the wire; sender and receiver are known by the connection. */
export function toWire(message: Message): WireMessage {
  const base = { type: numberOf.get(message.type) ?? -1, term: message.term };
  switch (message.type) {
    case 'pre-vote':
      return { ...base, index: message.lastIndex, logTerm: message.lastTerm };
    case 'vote':
      return {
        ...base,
        index: message.lastIndex,
        logTerm: message.lastTerm,
        flag: message.transfer,
        abandoned: message.abandoned,
      };
    case 'pre-vote-response':
    case 'vote-response':
      return { ...base, flag: message.granted };
    case 'append':
      return {
        ...base,
        index: message.prevIndex,
        logTerm: message.prevTerm,
        commit: message.commit,
        entries: message.entries.map(({ term, index, type, data }) => ({
          term,
          index,
          type: entryTypes.indexOf(type),
          data,
        })),
      };
    case 'append-response':
      return {
        ...base,
        flag: message.rejected,
        index: message.index,
        hintIndex: message.hintIndex,
        hintTerm: message.hintTerm,
      };
    case 'heartbeat':
      return {
        ...base,
        round: message.round,
        commit: message.commit,
        abandoned: message.abandoned,
        settled: message.settled,
      };
    case 'heartbeat-response':
      return { ...base, round: message.round };
    case 'commit':
      return { ...base, commit: message.commit };
    case 'read-index':
      return { ...base, context: message.context };
    case 'read-index-response':
      return { ...base, context: message.context, flag: message.index !== null, index: message.index ?? 0 };
    case 'timeout-now':
      return { ...base, abandoned: message.abandoned };
    default:
      return {
        ...base,
        index: message.index,
        logTerm: message.snapshotTerm,
        configuration: message.configuration,
      };
  }
}

/** Throws when the type is unknown. */
export function fromWire(wire: WireMessage, from: NodeId, to: NodeId): Message {
  const type = types[wire.type];
  const { index = 0, logTerm = 0, commit = 0, round = 0, context = 0, flag = false, abandoned = 0 } = wire;
  const base = { from, to, term: wire.term, afterPersist: false };
  switch (type) {
    case 'pre-vote':
      return { ...base, type, lastIndex: index, lastTerm: logTerm };
    case 'vote':
      return { ...base, type, lastIndex: index, lastTerm: logTerm, transfer: flag, abandoned };
    case 'pre-vote-response':
    case 'vote-response':
      return { ...base, type, granted: flag };
    case 'append':
      return { ...base, type, prevIndex: index, prevTerm: logTerm, commit, entries: entriesOf(wire) };
    case 'append-response':
      return {
        ...base,
        type,
        rejected: flag,
        index,
        hintIndex: wire.hintIndex ?? 0,
        hintTerm: wire.hintTerm ?? 0,
      };
    case 'heartbeat':
      return { ...base, type, round, commit, abandoned, settled: wire.settled ?? 0 };
    case 'heartbeat-response':
      return { ...base, type, round };
    case 'commit':
      return { ...base, type, commit };
    case 'read-index':
      return { ...base, type, context };
    case 'read-index-response':
      return { ...base, type, context, index: flag ? index : null };
    case 'timeout-now':
      return { ...base, type, abandoned };
    case 'snapshot':
      return {
        ...base,
        type,
        index,
        snapshotTerm: logTerm,
        configuration: configurationOf(wire),
      };
    default:
      throw new TypeError(`peer message type ${wire.type} is not known`);
  }
}

function configurationOf({ configuration }: WireMessage): Configuration {
  const { voters = [], learners = [], witnesses = [] } = configuration ?? {};
  return { voters, learners, ...(witnesses.length === 0 ? {} : { witnesses }) };
}

function entriesOf(wire: WireMessage): Entry[] {
  return (wire.entries ?? []).map(({ term, index, type, data }) => ({
    term,
    index,
    type: entryTypes[type] ?? 'normal',
    data,
  }));
}

/** In front of each frame: how long it is. */
export const lengthBytes = 4;
const maxFrameBytes = 256 * 1024 * 1024;

/** A frame behind its length. */
export function encodeFrame(frame: PeerFrame): Buffer {
  const body = frameCodec.encode(frame);
  const out = Buffer.allocUnsafe(lengthBytes + body.length);
  out.writeUInt32BE(body.length, 0);
  body.copy(out, lengthBytes);
  return out;
}

/** How many bytes follow what is at the beginning of `head`. Throws when no frame may be as long. */
export function frameLength(head: Buffer): number {
  const length = head.readUInt32BE(0);
  if (lengthBytes + length > maxFrameBytes)
    throw new RangeError(`peer frame of ${lengthBytes + length} bytes is too long`);
  return length;
}

/** Cuts a byte stream into frames. Throws on a frame that is too long or malformed. */
export class FrameReader {
  #parts: Buffer[] = [];
  #have = 0;

  /** Adds bytes and yields every frame that is complete. */
  *push(chunk: Buffer): Generator<PeerFrame> {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    while (this.#have >= lengthBytes) {
      let buffer = this.#parts[0] ?? chunk;
      if (buffer.length < lengthBytes) buffer = this.#join();
      const need = lengthBytes + frameLength(buffer);
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
