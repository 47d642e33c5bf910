/**
 * Keeps a member's disk behind its memory, and other members behind it: writes the state down, cuts the log behind
 * it, and sends the state to who lags behind the log.
 */
import type { Message, NodeId } from '@timonier/raft';
import { isDiskFull } from './disk-room.ts';
import type { HostLog } from './host-options.ts';
import type { RaftHost } from './host.ts';
import type { StoreMetrics } from './metrics.ts';
import type { Quota } from './quota.ts';
import { SnapshotHolds } from './snapshot-holds.ts';
import { sendSnapshot } from './snapshot.ts';
import type { StateDisk } from './state-disk.ts';
import type { StateMachine } from './state-machine.ts';
import type { Clock } from './clock.ts';
import type { KnownBugs } from './known-bugs.ts';
import type { Network } from './network.ts';

export interface UpkeepOptions {
  readonly host: () => RaftHost;
  readonly machine: StateMachine;
  readonly disk: StateDisk;
  readonly quota: Quota;
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
/** Dead bytes that files are written anew for; at least half of what lives, so that the work stays in proportion. */
const minGarbage = 1024 * 1024;
const maxRestMs = 1_000;
const pollMs = 20;
/** So many entries since the last look are a load whose writes should not wait for more syncs than need be. */
const busyEntries = 200;
/** So often the state is written down under such a load, unless much has gathered before. */
const busyFlushMs = 5_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Who is being sent a state: one at a time for each. */
  readonly #holds: SnapshotHolds;
  #reclaiming = false;
  #flushedAt = 0;
  #seen = 0;
  /** The last attempt to write the state down found no room. */
  #foundNoRoom = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#holds = new SnapshotHolds(() => options.clock.now());
  }

  /**
   * Called every second: writes the state down, less often while many wait for the log, whose sync this one delays. The
   * log has everything.
   */
  async tend(): Promise<void> {
    const { machine, clock } = this.#options;
    const isBusy = machine.appliedIndex - this.#seen >= busyEntries;
    this.#seen = machine.appliedIndex;
    if (!isBusy || clock.now() - this.#flushedAt >= busyFlushMs) await this.flush();
  }

  /** Whether the state waits for room: the last attempt found none, and the database was not opened anew since. */
  get isStuck(): boolean {
    return this.#foundNoRoom && this.#options.disk.isBroken;
  }

  /** Brings the state on disk up to what the local log holds durably. Never rejects: a failure is the member's end. */
  async flush(): Promise<void> {
    const { disk, quota, log, failed } = this.#options;
    if (disk.isBroken && !quota.hasReserve) return;
    for (let again = false; ; again = true)
      try {
        await this.#writeDown();
        this.#foundNoRoom = false;
        return;
      } catch (error) {
        if (!isDiskFull(error)) {
          failed(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        // LevelDB says at the next batch what merging tables found before, so it may speak of a disk that has room by now.
        if (!again && quota.hasReserve) continue;
        // Nothing is lost: it stays in memory and in the log until there is room.
        this.#foundNoRoom = true;
        log.warn({ err: error }, 'no room to write the state down');
        return;
      }
  }

  async #writeDown(): Promise<void> {
    const { host, machine, metrics, clock, bugs } = this.#options;
    const begin = clock.now();
    this.#flushedAt = begin;
    const before = machine.flushed.index;
    await machine.flush(bugs.has('state-ahead-of-log') ? Infinity : host().durableIndex);
    if (machine.flushed.index === before) return;
    metrics()?.backendCommit.observe((clock.now() - begin) / 1000);
    this.#compact();
  }

  /**
   * Gives room back to the file system once enough of what lies there is dead: the database does so by itself only while
   * it is written to. Never rejects.
   */
  async reclaim(): Promise<void> {
    const { disk, machine, clock, log } = this.#options;
    if (this.#reclaiming || disk.isReplacing || disk.isBroken || machine.state.sweeping) return;
    if (disk.garbage < Math.max(minGarbage, disk.tally.bytes / 2)) return;
    this.#reclaiming = true;
    const { garbage } = disk;
    let begin = clock.now();
    try {
      await disk.reclaim(async () => {
        const tookMs = clock.now() - begin;
        await new Promise<void>((resolve) => void clock.after(Math.min(tookMs, maxRestMs), resolve));
        begin = clock.now();
      });
      log.info({ garbage, bytes: disk.size() }, 'gave room on disk back');
    } catch (error) {
      log.warn({ err: error }, 'could not give room back');
    } finally {
      this.#reclaiming = false;
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
