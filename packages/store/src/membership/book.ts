/**
 * What the group knows of its members: names, addresses, and who was removed for good. Part of the applied state, so
 * that every member has the same book at the same log index.
 */
import type { NodeId } from '@timonier/raft';
import type { MemberAttributes } from '../codecs.ts';
import type { MemberChange, StoredMember } from './change.ts';

/** Ids are random and never come back by chance; a member that was gone for so many removals is told nothing. */
const maxRemoved = 4_096;

export class MemberBook {
  readonly #members = new Map<NodeId, StoredMember>();
  readonly #removed = new Set<NodeId>();

  constructor(members: readonly StoredMember[]) {
    this.replace(members, []);
  }

  get members(): ReadonlyMap<NodeId, StoredMember> {
    return this.#members;
  }

  get removed(): ReadonlySet<NodeId> {
    return this.#removed;
  }

  /** By what another state says. */
  replace(members: readonly StoredMember[], removed: readonly NodeId[]): void {
    this.#members.clear();
    for (const member of members) this.#members.set(member.id, member);
    this.#removed.clear();
    for (const id of removed) this.#removed.add(id);
  }

  /** A change that is committed. */
  apply(change: MemberChange): void {
    switch (change.kind) {
      case 'add':
        this.#members.set(change.member.id, change.member);
        return;
      case 'remove': {
        this.#members.delete(change.id);
        this.#removed.add(change.id);
        const oldest = this.#removed.values().next().value;
        if (this.#removed.size > maxRemoved && oldest !== undefined) this.#removed.delete(oldest);
        return;
      }
      case 'update': {
        const known = this.#members.get(change.id);
        if (known !== undefined) this.#members.set(change.id, { ...known, peerUrls: change.peerUrls });
        return;
      }
      case 'promote': {
        const known = this.#members.get(change.id);
        if (known === undefined) return;
        const { autoPromote: _done, ...rest } = known;
        this.#members.set(change.id, rest);
      }
    }
  }

  /** A member told its name and client addresses. One that was removed meanwhile is not brought back. */
  announced({ id, name, clientUrls }: MemberAttributes): void {
    const known = this.#members.get(id);
    if (known !== undefined) this.#members.set(id, { ...known, name, clientUrls });
  }
}
