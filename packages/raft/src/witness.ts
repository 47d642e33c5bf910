/**
 * What is different about witnesses, members that vote and keep the log and have no state.
 *
 * A witness that leads serves nobody: it brings the full voter that can be brought furthest up to date and hands over
 * at once. It may be needed to lead at all, because it can hold committed entries that the only other living voter
 * lacks. For the same reason it must not drop an entry that a full voter does not hold yet: it has no state to send in
 * the place of entries. The leader tells it up to where all full voters are.
 */
import type { Core } from './core.ts';
import type { Progress } from './progress.ts';
import { startTransfer } from './transfer.ts';
import type { Configuration, NodeId } from './types.ts';

export function isWitness(configuration: Configuration, id: NodeId): boolean {
  return configuration.witnesses?.includes(id) === true;
}

/** Up to where every full voter holds the leader's log durably, as far as the leader knows; 0 when not at all. */
export function settledIndex(core: Core): number {
  let settled = core.persisted;
  for (const id of core.configuration.voters) {
    if (id !== core.id && !isWitness(core.configuration, id))
      settled = Math.min(settled, core.progress.get(id)?.match ?? 0);
  }
  return settled;
}

/** A witness leads and heard of `peer`: that may be whom it waits for. */
export function handOverTo(core: Core, peer: Progress): void {
  if (core.role !== 'leader' || core.transferee !== null) return;
  if (isWitness(core.configuration, core.id) && peer.voter && !isWitness(core.configuration, peer.id))
    startTransfer(core, peer.id);
}
