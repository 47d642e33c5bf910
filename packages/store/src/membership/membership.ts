/**
 * A member's part in who belongs to the group: makes changes, lets the leader promote learners that are ready, keeps
 * connections in step, and notices when this member itself was taken out.
 */
import { decodeConfiguration, type Entry, type MemoryLog, type NodeId } from '@timonier/raft';
import type { Clock } from '../clock.ts';
import type { InitialCluster } from '../cluster.ts';
import type { HostLog } from '../host-options.ts';
import type { RaftHost } from '../host.ts';
import { type KnownBugs, noBugs } from '../known-bugs.ts';
import type { PeerFrame, Roster } from '../peer-wire.ts';
import type { StateMachine } from '../state-machine.ts';
import type { MemberChange, StoredMember } from './change.ts';
import { MembershipChanges } from './changes.ts';
import type { ChangeOrigin } from './context.ts';
import { Links, type LinkTransport } from './links.ts';
import { dueForPromotion } from './rules.ts';
import { situationOf, type Strictness } from './situation.ts';

export interface MembershipOptions {
  readonly cluster: InitialCluster;
  readonly clock: Clock;
  readonly host: () => RaftHost;
  readonly machine: StateMachine;
  readonly transport: LinkTransport;
  readonly proposer: number;
  readonly strictness: Strictness;
  readonly timeoutMs: number;
  readonly log: HostLog;
  readonly onRemoved: (() => void) | undefined;
  readonly bugs?: KnownBugs;
  /** Members changed, by what was applied. */
  readonly onChanged: () => void;
}

/** How long a removed member still answers clients whose calls are under way. In milliseconds. */
const farewellMs = 1_000;
/** A learner counts as ready once it was at several looks in a row, so that a flapping one does not vote. */
const looks = 5;
const lookEveryMs = 200;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #changes: MembershipChanges;
  readonly #links: Links;
  #readiness: { readonly id: NodeId; seen: number } | undefined;
  #promoting = false;
  #committedAtLook = Infinity;
  #lookAt = 0;
  #removed = false;
  #version = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const {
      cluster,
      clock,
      host,
      machine,
      transport,
      proposer,
      strictness,
      timeoutMs,
      log,
      bugs = noBugs,
    } = options;
    const self = cluster.self.id;
    this.#changes = new MembershipChanges({
      self,
      proposer,
      timeoutMs,
      now: () => clock.now(),
      host,
      machine,
      strictness,
      elsewhere: () => this.#elsewhere(),
      bugs,
      send: (to, frame) => transport.send(to, frame),
    });
    this.#links = new Links({
      self,
      met: cluster.met ?? [],
      flagged: bugs.has('flags-ignored') ? [] : (cluster.flagged ?? []),
      transport,
      clock,
      log,
      configuration: () => host().configuration,
      members: () => machine.members,
      removed: () => machine.removed,
    });
  }

  /** Resolves when the change is in force and applied here. Rejects with etcd's errors. */
  make(change: MemberChange): Promise<void> {
    return this.#changes.make(change);
  }

  /** Another value whenever members may have changed. */
  get version(): number {
    return this.#version;
  }

  /** What is known of the members that belong to the group. */
  get members(): ReadonlyMap<NodeId, StoredMember> {
    return this.#options.machine.members;
  }

  /** The core was started from this log, whose end may not be applied yet. */
  recovered(log: MemoryLog): void {
    const from = Math.max(log.firstIndex(), this.#options.machine.appliedIndex + 1);
    for (let next = from; next <= log.lastIndex();) {
      const entries = log.entries(next, log.lastIndex() + 1, 1 << 20);
      this.#links.note(entries);
      next += entries.length;
    }
    this.#links.sync();
  }

  /** Another configuration is in force. */
  appended(entries: readonly Entry[]): void {
    this.#links.note(entries);
    this.#links.sync();
  }

  /** A configuration entry was applied. */
  applied(entry: Entry, change?: MemberChange, origin?: ChangeOrigin): void {
    const { log, cluster } = this.#options;
    if (change !== undefined) {
      const { voters, learners } = decodeConfiguration(entry.data).configuration;
      const { kind } = change;
      log.info({ change: kind, member: memberOf(change), voters, learners }, 'members changed');
    }
    this.#changes.applied(entry.index, entry.term, origin);
    this.#links.sync();
    if (change?.kind === 'remove') this.#links.takenOut([change.id]);
    if (change?.kind === 'remove' && change.id === cluster.self.id) this.#leave('by a change of members');
    this.#version += 1;
    this.#options.onChanged();
  }

  /** A snapshot took the place of the state. */
  replaced(): void {
    this.#changes.outcomeLost();
    this.#links.sync();
    this.#links.takenOut(this.#options.machine.removed);
    if (this.#options.machine.removed.has(this.#options.cluster.self.id)) this.#leave('says a snapshot');
    this.#version += 1;
    this.#options.onChanged();
  }

  termBegan(term: number): void {
    this.#changes.termBegan(term);
  }

  /** Takes frames about membership; false for all others. */
  frame(from: NodeId, frame: PeerFrame): boolean {
    if (frame.memberCall !== undefined) this.#changes.called(from, frame.memberCall);
    else if (frame.memberAnswer !== undefined) this.#changes.answered(frame.memberAnswer);
    else if (frame.removed !== undefined) this.removedBy(from);
    else if (frame.whereabouts !== undefined) this.#links.heard(frame.whereabouts.members);
    else return false;
    return true;
  }

  /** A member that may be unknown yet opened a connection. */
  called(from: NodeId, urls: readonly string[]): void {
    this.#links.called(from, urls);
  }

  /** A connection to a member was opened. */
  connected(to: NodeId): void {
    this.#links.connected(to);
  }

  /** Another member has applied that this one was taken out. */
  removedBy(by: NodeId): void {
    this.#leave(`says ${this.members.get(by)?.name ?? by}`);
  }

  roster(): Roster {
    const { cluster, host } = this.#options;
    const plain = ({ id, name, peerUrls, witness }: StoredMember) => ({
      id,
      name,
      peerUrls,
      witness: witness === true,
    });
    // A second voter must find itself before the change that adds it is committed, if that needs it.
    const coming = [...this.#links.coming.values()].filter(({ id }) => !this.members.has(id));
    const { voters, learners } = host().configuration;
    const inForce = coming.filter(({ id }) => voters.includes(id) || learners.includes(id));
    return {
      cluster: cluster.id,
      members: [...this.members.values(), ...inForce].map(plain),
      version: this.#options.machine.clusterVersion ?? 0,
      founders: cluster.members.map((founder) => plain({ ...founder, clientUrls: [] })),
    };
  }

  /** To be called every so often: retries, deadlines, and promotion while this member leads. */
  sweep(): void {
    this.#changes.sweep();
    const { clock } = this.#options;
    if (clock.now() < this.#lookAt) return;
    this.#lookAt = clock.now() + lookEveryMs;
    this.#promote();
  }

  stop(): void {
    this.#changes.stop();
    this.#links.close();
  }

  #elsewhere(): ReadonlySet<NodeId> {
    const { self } = this.#options.cluster;
    const told = this.members.get(self.id)?.peerUrls ?? self.peerUrls;
    const isElsewhere = !self.peerUrls.some((url) => told.includes(url));
    return new Set([...this.#links.elsewhere, ...(isElsewhere ? [self.id] : [])]);
  }

  #promote(): void {
    const { host, machine, strictness, log, bugs } = this.#options;
    const candidates = [...machine.members.values()].some(({ autoPromote }) => autoPromote === true);
    if (!candidates || this.#promoting || host().role !== 'leader') return;
    const situation = situationOf(host(), machine, strictness);
    // Under load nobody has what was committed this very moment.
    const committed = this.#committedAtLook;
    this.#committedAtLook = situation?.committed ?? Infinity;
    const id = situation === undefined ? undefined : dueForPromotion({ ...situation, committed }, bugs);
    if (id === undefined || this.#readiness?.id !== id)
      this.#readiness = id === undefined ? undefined : { id, seen: 1 };
    else this.#readiness.seen += 1;
    if (id === undefined || (this.#readiness?.seen ?? 0) < looks) return;
    this.#promoting = true;
    this.#changes
      // It may be gone when its turn comes, behind another change.
      .make({ kind: 'promote', id }, (now) => dueForPromotion({ ...now, committed }, bugs) === id)
      .then(
        () =>
          log.info({ member: machine.members.get(id)?.name ?? id }, 'promoted a learner that has caught up'),
        (error: unknown) => log.warn({ err: error, member: id }, 'learner was not promoted'),
      )
      .finally(() => {
        this.#promoting = false;
        this.#readiness = undefined;
      });
  }

  #leave(how: string): void {
    if (this.#removed) return;
    this.#removed = true;
    const { clock, cluster, log, onRemoved } = this.#options;
    log.warn({ member: cluster.self.name, how }, 'this member was removed from the cluster');
    if (onRemoved !== undefined) clock.after(farewellMs, onRemoved);
  }
}

function memberOf(change: MemberChange): string {
  return change.kind === 'add' ? `${change.member.id} at ${change.member.peerUrls.join()}` : change.id;
}
