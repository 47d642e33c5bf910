/**
 * Keeps a member's disk behind its memory, and other members behind it: writes the state down, cuts the log behind
 * it, and sends the state to who lags behind the log.
 */
import type { Message, NodeId } from '@timonier/raft';
import type { HostLog, RaftHost } from './host.ts';
import type { StoreMetrics } from './metrics.ts';
import type { Quota } from './quota.ts';
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
  readonly transport: Network;
  readonly clock: Clock;
  readonly bugs: KnownBugs;
  readonly metrics: () => StoreMetrics | undefined;
  readonly log: HostLog;
  readonly failed: (error: Error) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Who is being sent a state: one at a time for each. */
  readonly #sending = new Set<NodeId>();

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** Brings the state on disk up to what the local log holds durably. Never rejects: a failure is the member's end. */
  async flush(): Promise<void> {
    const { host, machine, disk, quota, metrics, clock, bugs, failed } = this.#options;
    try {
      const begin = clock.now();
      const before = machine.flushed.index;
      await machine.flush(bugs.has('state-ahead-of-log') ? Infinity : host().durableIndex);
      if (machine.flushed.index === before) return;
      quota.measured(disk.size());
      metrics()?.backendCommit.observe((clock.now() - begin) / 1000);
      host().compact();
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Sends the whole state to a member that needs more than the log still holds. */
  async sendSnapshot(to: NodeId, message: Extract<Message, { type: 'snapshot' }>): Promise<void> {
    if (this.#sending.has(to)) return;
    this.#sending.add(to);
    const { host, disk, transport, metrics, log } = this.#options;
    try {
      await this.flush();
      const records = await sendSnapshot({ to, message, disk, transport });
      metrics()?.snapshots.inc({ direction: 'sent' });
      log.info({ to, records }, 'sent a snapshot');
      host().step({ type: 'snapshot-sent', peer: to });
    } catch (error) {
      log.warn({ err: error, to }, 'snapshot was not sent');
      host().step({ type: 'snapshot-failed', peer: to });
    } finally {
      this.#sending.delete(to);
    }
  }
}
