/**
 * Keeps connections to exactly those members that belong to the group: opens them as soon as a change is in the log,
 * because its own commit may need them, and drops who was removed, after telling it so.
 *
 * Whoever calls is answered, known or not, unless it was taken out (dissertation §4.1): a member that was away does not
 * know a leader that joined meanwhile, and could never catch up with it otherwise. Bound: `maxCallers` such links, and
 * one that does not come about is given up.
 *
 * Who calls from elsewhere than the log tells has moved, and others that moved too may not find it: they are told. When
 * all moved nobody can be: then the flags of each say where the others are.
 */
import { decodeConfiguration, type Configuration, type Entry, type NodeId } from '@timonier/raft';
import type { Clock } from '../clock.ts';
import { parseUrl } from '../cluster.ts';
import type { HostLog } from '../host-options.ts';
import type { PeerFrame } from '../peer-wire.ts';
import type { StoredMember } from './change.ts';
import { readContext } from './context.ts';
import { Whereabouts } from './whereabouts.ts';

/** What links need of the transport. */
export interface LinkTransport {
  addPeer(id: NodeId, address: { readonly host: string; readonly port: number }): void;
  removePeer(id: NodeId): void;
  connected(id: NodeId): boolean;
  send(to: NodeId, frame: PeerFrame): boolean;
}

export interface LinksOptions {
  readonly self: NodeId;
  /** Others as they were when this member joined. */
  readonly met: readonly Pick<StoredMember, 'id' | 'peerUrls'>[];
  /** Where the flags say that others are. */
  readonly flagged: readonly Pick<StoredMember, 'name' | 'peerUrls'>[];
  readonly transport: LinkTransport;
  readonly clock: Clock;
  readonly log: HostLog;
  /** What is in force, and what is known of members by what was applied. */
  readonly configuration: () => Configuration;
  readonly members: () => ReadonlyMap<NodeId, StoredMember>;
  /** Who was taken out for good, by what was applied. */
  readonly removed: () => ReadonlySet<NodeId>;
}

/** A removed member is told, and has so long to take it in. In milliseconds. */
const farewellMs = 500;
const maxCallers = 16;
/** So often it is looked whether there still is a connection to one that is unknown. In milliseconds. */
const callerMs = 60_000;

/** Who called and is not described by what was applied. */
interface Caller {
  readonly urls: readonly string[];
  readonly forget: () => void;
}

export class Links {
  readonly #options: LinksOptions;
  /** Members that entries in the log bring, applied or not. */
  readonly #coming = new Map<NodeId, StoredMember>();
  /** Where entries in the log say that members are from now on, until those are linked. */
  readonly #moved = new Map<NodeId, readonly string[]>();
  readonly #callers = new Map<NodeId, Caller>();
  /** Whom this member met when it joined, until its own log says that it belongs, and so who else does. */
  readonly #met: Map<NodeId, readonly string[]>;
  /** What the flags say of those that this member does not know by name yet. */
  #flagged: LinksOptions['flagged'];
  readonly #linked: Whereabouts;
  /** How to keep a link that is about to be dropped. */
  readonly #leaving = new Map<NodeId, () => void>();

  constructor(options: LinksOptions) {
    this.#options = options;
    const { clock, transport, met, flagged } = options;
    this.#flagged = flagged;
    this.#met = new Map(met.map(({ id, peerUrls }) => [id, peerUrls]));
    this.#linked = new Whereabouts({
      clock,
      connected: (id) => transport.connected(id),
      connect: (id, url) => this.#connect(id, url),
    });
  }

  /** Remembers the addresses that entries of the log bring. */
  note(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.type !== 'config') continue;
      const change = readContext(decodeConfiguration(entry.data).context)?.change;
      if (change?.kind === 'add') this.#coming.set(change.member.id, change.member);
      else if (change?.kind === 'update') this.#moved.set(change.id, change.peerUrls);
      else if (change?.kind === 'remove') {
        this.#coming.delete(change.id);
        this.#moved.delete(change.id);
      }
    }
  }

  /** Members that the log brings and that are not applied yet. */
  get coming(): ReadonlyMap<NodeId, StoredMember> {
    return this.#coming;
  }

  /** Members that called from elsewhere than the log tells. */
  get elsewhere(): readonly NodeId[] {
    return this.#linked.moved.map(({ id }) => id);
  }

  /** Brings connections in step: another configuration is in force, or members are described anew. */
  sync(): void {
    const { self, configuration, members, removed } = this.#options;
    const { voters, learners } = configuration();
    for (const id of this.#callers.keys()) if (members().has(id) || removed().has(id)) this.#forgetCaller(id);
    // Who a change takes out is answered until that is applied: its entry may be cut off again, by that very member.
    const belongs = new Set([...voters, ...learners, ...members().keys()]);
    const wanted = new Map<NodeId, readonly string[]>();
    for (const id of belongs) {
      const urls =
        members().get(id)?.peerUrls ?? this.#coming.get(id)?.peerUrls ?? this.#callers.get(id)?.urls;
      if (id !== self && urls !== undefined) wanted.set(id, urls);
    }
    if (voters.includes(self) || learners.includes(self)) this.#met.clear();
    for (const [id, { urls }] of this.#callers) if (!wanted.has(id)) wanted.set(id, urls);
    for (const [id, urls] of this.#met) if (!wanted.has(id) && !removed().has(id)) wanted.set(id, urls);
    for (const [id, urls] of wanted) this.#link(id, urls[0] ?? '');
    // A founder is known by where it was when the cluster was made.
    for (const [id, urls] of this.#met)
      if (members().has(id)) {
        this.#linked.expected(id, urls[0] ?? '');
        this.#met.delete(id);
      }
    // It may be there before this member may know that the entry is committed.
    for (const [id, urls] of this.#moved) {
      this.#linked.expected(id, urls[0] ?? '');
      if (wanted.has(id)) this.#moved.delete(id);
    }
    this.#flagged = this.#flagged.filter(({ name, peerUrls }) => {
      const named = [...members().values()].filter((member) => member.name === name);
      // Two while a move is planned: whoever asks for it may not know whether it comes about.
      for (const { id } of named) for (const url of peerUrls) this.#linked.suggested(id, url);
      return named.length === 0;
    });
    // Who belongs stays linked, also while its address is not applied yet.
    for (const id of this.#linked.ids) if (!wanted.has(id) && !belongs.has(id)) this.#leave(id);
  }

  /**
   * Members were taken out for good, says what was applied. One that was never linked here, because this member came
   * back with the entry already in its log, may have called before: it is cut off, and told when it calls again.
   */
  takenOut(ids: Iterable<NodeId>): void {
    const { transport } = this.#options;
    for (const id of ids) if (!this.#linked.has(id) && !this.#leaving.has(id)) transport.removePeer(id);
  }

  /** A member said where it is reached. */
  called(from: NodeId, urls: readonly string[]): void {
    // Never itself: a link to itself would be dropped one day, with the message that it was removed.
    if (from === this.#options.self) return;
    this.#linked.said(from, urls);
    const moved = this.#linked.moved.filter(({ id }) => id === from);
    for (const id of moved.length > 0 ? this.#linked.ids : []) if (id !== from) this.#pass(id, moved);
    const isLinked = this.#linked.has(from) && !this.#leaving.has(from);
    if (isLinked || this.#callers.size >= maxCallers || urls.length === 0) return;
    this.#forgetCaller(from);
    this.#callers.set(from, { urls, forget: this.#lookAfter(from) });
    this.#options.log.info({ peer: from, urls }, 'answers a member that it does not know');
    this.sync();
  }

  /** A connection to a member was opened: it may have moved, and may not know who else has. */
  connected(to: NodeId): void {
    this.#pass(to, this.#linked.moved);
  }

  /** Another member says where these called from. Who does not find them there goes on looking. */
  heard(moved: readonly { readonly id: NodeId; readonly url: string }[]): void {
    for (const { id, url } of moved) this.#linked.expected(id, url);
  }

  #pass(to: NodeId, moved: Whereabouts['moved']): void {
    const members = moved.filter(({ id }) => id !== to);
    if (members.length > 0) this.#options.transport.send(to, { whereabouts: { members } });
  }

  /** Gives up a caller that is not reached. Returns how to stop looking. */
  #lookAfter(id: NodeId): () => void {
    const { clock, transport } = this.#options;
    let cancel: () => void;
    const look = (): void => {
      cancel = clock.after(callerMs, () => {
        if (transport.connected(id)) {
          look();
          return;
        }
        this.#callers.delete(id);
        this.sync();
      });
    };
    look();
    return () => cancel();
  }

  #forgetCaller(id: NodeId): void {
    this.#callers.get(id)?.forget();
    this.#callers.delete(id);
  }

  close(): void {
    for (const keep of this.#leaving.values()) keep();
    for (const { forget } of this.#callers.values()) forget();
    this.#linked.close();
  }

  #link(id: NodeId, url: string): void {
    this.#leaving.get(id)?.();
    this.#leaving.delete(id);
    this.#linked.told(id, url);
  }

  #connect(id: NodeId, url: string): void {
    const { transport, log } = this.#options;
    let address;
    try {
      address = parseUrl('peer URL', url);
    } catch (error) {
      log.warn({ peer: id, url, err: error }, 'member has no usable address');
      return;
    }
    transport.addPeer(id, address);
  }

  #leave(id: NodeId): void {
    if (this.#leaving.has(id)) return;
    const { transport, clock, members, removed } = this.#options;
    const keep = clock.after(farewellMs, () => {
      this.#leaving.delete(id);
      // Only a removal that was applied is final; one that is cut off again finds the link still there.
      if (members().has(id)) {
        this.#leave(id);
        return;
      }
      // Who is merely unknown yet, as everybody is to a member that joins, must not be told such a thing.
      if (removed().has(id)) transport.send(id, { removed: {} });
      this.#linked.forget(id);
      // What was just queued goes out first.
      clock.after(farewellMs, () => {
        if (!this.#linked.has(id)) transport.removePeer(id);
      });
    });
    this.#leaving.set(id, keep);
  }
}
