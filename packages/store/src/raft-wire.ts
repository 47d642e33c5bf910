/** Messages of the consensus core as they go over the wire, and back (proto/raft/peer.proto). */
import type { Configuration, Entry, EntryType, Message, MessageType, NodeId } from '@timonier/raft';

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
