/**
 * Keeps a member's disk behind its memory, and other members behind it: writes the state down, cuts the log behind
 * it, and sends the state to who lags behind the log.
 */
import type { Message, NodeId } from '@timonier/raft';
import { isDiskFull } from './disk-room.ts';
import type { HostLog, RaftHost } from './host.ts';
import type { StoreMetrics } from './metrics.ts';
import type { Quota } from './quota.ts';
import { SnapshotHolds } from './snapshot-holds.ts';
import { sendSnapshot } from './snapshot.ts';
import type { StateDisk } from './state-disk.ts';
import type { StateMachine } from './state-machine.ts';
import type { Clock } from './clock.ts';
import type { KnownBugs } from './known-bugs.ts';
import type { Network } from './platform.ts';

export interface UpkeepOptions {
  readonly host: () => RaftHost;
  readonly machine: StateMachine;
  readonly disk: StateDisk;
  readonly quota: Quota;
  /** Bytes that count for it. */
  readonly used: () => number;
  readonly transport: Network;
  readonly self: NodeId;
  readonly isWitness: (member: NodeId) => boolean;
  readonly clock: Clock;
  readonly bugs: KnownBugs;
  readonly metrics: () => StoreMetrics | undefined;
  readonly log: HostLog;
  readonly failed: (error: Error) => void;
}

/** Between two attempts to send a state to the same member. */
const retryMs = 500;
const pollMs = 20;

export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Who is being sent a state: one at a time for each. */
  readonly #holds: SnapshotHolds;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#holds = new SnapshotHolds(() => options.clock.now());
  }

  /** Brings the state on disk up to what the local log holds durably. Never rejects: a failure is the member's end. */
  async flush(): Promise<void> {
    const { host, machine, disk, quota, used, metrics, clock, bugs, log, failed } = this.#options;
    if (disk.isBroken && !quota.hasReserve) return;
    try {
      const begin = clock.now();
      const before = machine.flushed.index;
      await machine.flush(bugs.has('state-ahead-of-log') ? Infinity : host().durableIndex);
      if (machine.flushed.index === before) return;
      quota.measured(used());
      metrics()?.backendCommit.observe((clock.now() - begin) / 1000);
      this.#compact();
    } catch (error) {
      if (isDiskFull(error)) {
        // Nothing is lost: it stays in memory and in the log until there is room.
        log.warn({ err: error }, 'no room to write the state down');
        return;
      }
      failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #compact(): void {
    const { host, machine } = this.#options;
    const { progress } = host().status;
    host().compact(this.#holds.releasable((member) => progress.get(member)?.match, machine.flushed.index));
  }

  /** Sends the whole state to a member that needs more than the log still holds. */
  async sendSnapshot(to: NodeId, message: Extract<Message, { type: 'snapshot' }>): Promise<void> {
    if (this.#holds.isSending(to)) return;
    let index = 0;
    const sending = (upTo: number): void => this.#holds.sending(to, (index = upTo));
    sending(this.#options.machine.flushed.index);
    let arrived = false;
    const { self, host, disk, transport, metrics, clock, log, isWitness } = this.#options;
    try {
      if (isWitness(self)) throw new Error('a witness has no state to send');
      await this.flush();
      const stateless = isWitness(to);
      const records = await sendSnapshot({
        to,
        message,
        disk,
        transport,
        clock,
        logUsed: () => host().heldLogUsed,
        stateless,
        onBegin: sending,
      });
      arrived = true;
      metrics()?.snapshots.inc({ direction: 'sent' });
      log.info({ to, records }, 'sent a snapshot');
      await this.#acknowledged(to, index);
      host().step({ type: 'snapshot-sent', peer: to });
    } catch (error) {
      log.warn({ err: error, to }, 'snapshot was not sent');
      // Whatever it was, the other side needs a moment.
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
      host().step({ type: 'snapshot-failed', peer: to });
    } finally {
      this.#holds.sent(to, arrived);
    }
  }

  /**
   * Waits a moment until the member's own word that it has the state is here. Without it the core would ask what comes
   * after the state that it had asked for, which is older than the one that was sent, and may be cut.
   */
  async #acknowledged(to: NodeId, index: number): Promise<void> {
    const { host, clock } = this.#options;
    for (let i = 0; i < retryMs / pollMs; i++) {
      if ((host().status.progress.get(to)?.match ?? Infinity) >= index) return;
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    }
  }
}
