/**
 * Whole states from one member to another, for one that lags behind what the log still holds: every stored record,
 * history included, with the consensus core's message in front. The receiver builds the state beside its own and only
 * then lets the core know.
 */
import type { Message, NodeId } from '@timonier/raft';
import { fromWire, type PeerFrame, toWire } from './peer-wire.ts';
import type { IncomingState, StateDisk } from './state-disk.ts';
import type { Network } from './platform.ts';
import type { BulkReceiver } from './transport.ts';

type SnapshotMessage = Extract<Message, { type: 'snapshot' }>;

const timeoutMs = 60_000;

/** Sends the state as it is on disk, which may be newer than the message asks for. Resolves with the record count. */
export async function sendSnapshot(options: {
  readonly to: NodeId;
  readonly message: SnapshotMessage;
  readonly disk: StateDisk;
  readonly transport: Network;
}): Promise<number> {
  const { to, message, disk, transport } = options;
  let records = 0;
  async function* frames(): AsyncGenerator<PeerFrame> {
    // The iterator sees one moment; the meta record it yields says which.
    const chunks = disk.chunks();
    const meta = disk.meta();
    if (meta === undefined) throw new Error('there is no state to send yet');
    const { index, term, configuration } = meta;
    yield { snapshotHeader: { message: toWire({ ...message, index, snapshotTerm: term, configuration }) } };
    for await (const chunk of chunks) {
      records += chunk.keys.length;
      yield { snapshotChunk: chunk };
    }
    yield { snapshotEnd: { records } };
  }
  await transport.sendBulk(to, frames(), timeoutMs);
  return records;
}

/** Takes a snapshot in. One that is not newer than the state is refused. */
export function receiveSnapshot(options: {
  readonly disk: StateDisk;
  readonly from: NodeId;
  readonly member: NodeId;
  readonly appliedIndex: () => number;
  readonly step: (message: SnapshotMessage) => void;
}): BulkReceiver {
  const { disk, from, member, appliedIndex, step } = options;
  let message: SnapshotMessage | undefined;
  let incoming: IncomingState | undefined;
  return {
    frame: async (frame) => {
      if (frame.snapshotHeader !== undefined) {
        const header = fromWire(frame.snapshotHeader.message, from, member);
        if (header.type !== 'snapshot') throw new TypeError(`a snapshot began with ${header.type}`);
        if (header.index <= appliedIndex())
          throw new Error(`snapshot at ${header.index} is not newer than ${appliedIndex()}`);
        message = header;
        incoming = await disk.receive();
      } else if (frame.snapshotChunk !== undefined) {
        await incoming?.add(frame.snapshotChunk.keys, frame.snapshotChunk.values);
      } else if (frame.snapshotEnd !== undefined) {
        if (incoming === undefined || message === undefined)
          throw new TypeError('a snapshot ended before it began');
        const meta = await incoming.finish(frame.snapshotEnd.records);
        incoming = undefined;
        step({
          ...message,
          index: meta.index,
          snapshotTerm: meta.term,
          configuration: meta.configuration,
        });
      }
    },
    closed: () => {
      void incoming?.abandon();
    },
  };
}
