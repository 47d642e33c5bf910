/**
 * What this member may say about leadership: who leads, until when its own is proven, and handing it over.
 *
 * Invariant: while leadership is being handed over nothing is proven, and nothing any more once this member leaves.
 */
import type { NodeId, Role } from '@timonier/raft';
import type { Clock } from './clock.ts';
import { etcdError } from './errors.ts';
import type { RaftHost } from './host.ts';

export interface Leadership {
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId | null;
  /** Until when this member's leadership is proven, CLOCK_BOOTTIME in milliseconds; 0 when it does not lead. */
  readonly leaseUntil: number;
}

export interface TenureOptions {
  readonly host: () => RaftHost;
  readonly clock: Clock;
  readonly connected: (peer: NodeId) => boolean;
  /** How long a transfer may take, in milliseconds. */
  readonly transferMs: () => number;
}

const pollMs = 5;

export class Tenure {
  readonly #options: TenureOptions;
  readonly #listeners = new Set<() => void>();
  #provenUntil = 0;
  #isOver = false;

  constructor(options: TenureOptions) {
    this.#options = options;
  }

  get now(): Leadership {
    const { role, term, leader } = this.#options.host();
    return { role, term, leader, leaseUntil: role === 'leader' ? this.#provenUntil : 0 };
  }

  /** Nobody else can lead before `until`. */
  proven(until: number): void {
    if (this.#isOver) return;
    this.#provenUntil = Math.max(this.#provenUntil, until);
    this.changed();
  }

  /** Another role, term or leader. */
  roleChanged(): void {
    this.#provenUntil = 0;
    this.changed();
  }

  /**
   * This member is about to close its connections, which ends at once what others promised it: whatever it takes to
   * leave, it has no proof from here on.
   */
  end(): void {
    this.#isOver = true;
    this.#provenUntil = 0;
    this.changed();
  }

  /** Calls `listener` after leadership or its proof changed; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Hands leadership to `target`, or to the most advanced other voter. Resolves with who was asked. */
  async transfer(target?: NodeId): Promise<NodeId> {
    const { clock } = this.#options;
    const host = this.#options.host();
    if (host.role !== 'leader') throw etcdError.notLeader();
    const { progress, configuration } = host.status;
    const mayLead = (id: NodeId): boolean =>
      progress.get(id)?.voter === true && configuration.witnesses?.includes(id) !== true;
    const candidates = [...progress]
      .filter(([id]) => mayLead(id) && this.#options.connected(id))
      .sort(([, a], [, b]) => b.match - a.match);
    const to = target ?? candidates[0]?.[0];
    if (to === host.status.id) return to;
    if (to === undefined || !mayLead(to)) throw etcdError.badLeaderTransferee();
    // The proof of leadership is withdrawn first: nobody may act on it while another takes over. The core gives no new
    // one before the transfer is over and its call to campaign cannot be obeyed any more.
    this.#provenUntil = 0;
    this.changed();
    host.step({ type: 'transfer', target: to });
    const deadline = clock.now() + this.#options.transferMs();
    while (host.role === 'leader' || host.leader === null) {
      if (clock.now() > deadline) throw etcdError.transferTimeout();
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    }
    return to;
  }
}
