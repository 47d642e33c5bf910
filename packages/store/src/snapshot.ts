/**
 * Whole states from one member to another, for one that lags behind what the log still holds: every stored record,
 * history included, with the consensus core's message in front. The receiver builds the state beside its own and only
 * then lets the core know.
 *
 * Neither side holds more than a few chunks: the sender reads on when its socket has drained, the receiver's socket
 * is read on when its disk has taken what came. A transfer that breaks off leaves nothing and is begun anew.
 */
import type { Message, NodeId } from '@timonier/raft';
import type { Clock } from './clock.ts';
import type { PeerFrame } from './peer-wire.ts';
import { fromWire, toWire } from './raft-wire.ts';
import type { IncomingState } from './incoming-state.ts';
import type { StateBuilder } from './state-builder.ts';
import type { StateDisk } from './state-disk.ts';
import { metaKey } from './meta-records.ts';
import { emptyTally } from './state-seal.ts';
import { pacedSending } from './transfer-pace.ts';
import type { Network } from './network.ts';
import type { BulkReceiver } from './transport-options.ts';

type SnapshotMessage = Extract<Message, { type: 'snapshot' }>;

/** What a state says about itself that holds nothing. */
const noKeys = { revision: 1, compactRevision: 0, tally: emptyTally };
/** Without any progress on either side. */
const idleMs = 30_000;

/** Sends the state as it is on disk, which may be newer than the message asks for. Resolves with the record count. */
export async function sendSnapshot(options: {
  readonly to: NodeId;
  readonly message: SnapshotMessage;
  readonly disk: Pick<StateDisk, 'view'>;
  readonly transport: Pick<Network, 'sendBulk'>;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  /** How much of the log's room for the receiver is used, from 0 to 1. */
  readonly logUsed: () => number;
  /** To a witness, which takes only who belongs to the group. */
  readonly stateless?: boolean;
  /** Up to which entry the state goes. */
  readonly onBegin: (index: number) => void;
}): Promise<number> {
  const { to, message, disk, transport, clock, logUsed, stateless = false, onBegin } = options;
  const view = await disk.view();
  const meta = stateless ? { ...view.meta, ...noKeys } : view.meta;
  const tally = stateless ? emptyTally : view.tally;
  const { index, term, configuration } = meta;
  onBegin(index);
  async function* frames(): AsyncGenerator<PeerFrame> {
    yield { snapshotHeader: { message: toWire({ ...message, index, snapshotTerm: term, configuration }) } };
    for await (const chunk of stateless ? [] : pacedSending(view.chunks(), clock, logUsed))
      yield { snapshotChunk: { keys: chunk.map(([key]) => key), values: chunk.map(([, value]) => value) } };
    yield { snapshotChunk: { keys: [metaKey], values: [Buffer.from(JSON.stringify(meta))] } };
    yield { snapshotEnd: { records: tally.records } };
  }
  try {
    await transport.sendBulk(to, frames(), idleMs);
  } finally {
    await view.close();
  }
  return tally.records;
}

/** Takes a snapshot in. One that is not newer than the state is refused, and one that is damaged. */
export function receiveSnapshot(options: {
  readonly incoming: IncomingState;
  readonly from: NodeId;
  readonly member: NodeId;
  readonly appliedIndex: () => number;
  /** Tells the core. Returns whether it wants the state installed. */
  readonly step: (message: SnapshotMessage) => boolean;
}): BulkReceiver {
  const { incoming, from, member, appliedIndex, step } = options;
  let message: SnapshotMessage | undefined;
  let builder: StateBuilder | undefined;
  return {
    frame: async (frame) => {
      if (frame.snapshotHeader !== undefined) {
        const header = fromWire(frame.snapshotHeader.message, from, member);
        if (header.type !== 'snapshot') throw new TypeError(`a snapshot began with ${header.type}`);
        if (header.index <= appliedIndex())
          throw new Error(`snapshot at ${header.index} is not newer than ${appliedIndex()}`);
        message = header;
        builder = await incoming.receive();
      } else if (frame.snapshotChunk !== undefined) {
        const { keys, values } = frame.snapshotChunk;
        await builder?.addSealed(keys, values);
      } else if (frame.snapshotEnd !== undefined) {
        if (builder === undefined || message === undefined)
          throw new TypeError('a snapshot ended before it began');
        const finished = builder;
        const meta = await finished.finish();
        builder = undefined;
        // Somebody else may have begun to send meanwhile.
        incoming.keep(finished);
        // The core may have moved on while the state arrived; then nobody installs it.
        const { index, term: snapshotTerm, configuration } = meta;
        const wanted = index > appliedIndex() && step({ ...message, index, snapshotTerm, configuration });
        if (!wanted) incoming.drop();
      }
    },
    closed: () => {
      if (builder !== undefined) void incoming.giveUp(builder);
    },
  };
}
