/**
 * What is different about witnesses, members that vote and keep the log and have no state.
 *
 * A witness that leads serves nobody: it brings the full voter that can be brought furthest up to date and hands over
 * at once. It may be needed to lead at all, because it can hold committed entries that the only other living voter
 * lacks. For the same reason it must not drop an entry that a full voter does not hold yet: it has no state to send in
 * the place of entries. The leader tells it up to where all full voters are.
 */
import type { Core } from './core.ts';
import { isWitness } from './membership.ts';
import type { Progress } from './progress.ts';
import { startTransfer } from './transfer.ts';

/** Up to where every full voter holds the leader's log durably, as far as the leader knows; 0 when not at all. */
export function settledIndex(core: Core): number {
  let settled = core.persisted;
  for (const id of core.configuration.voters) {
    if (id !== core.id && !isWitness(core.configuration, id))
      settled = Math.min(settled, core.progress.get(id)?.match ?? 0);
  }
  return settled;
}

/** A witness leads and heard of a member: hands over to the full voter that can be brought up to date first. */
export function handOver(core: Core): void {
  if (!core.isWitness || core.role !== 'leader' || core.transferee !== null || core.has('witness-stays'))
    return;
  let best: Progress | undefined;
  for (const peer of core.progress.values()) {
    if (!peer.voter || !peer.heard || isWitness(core.configuration, peer.id)) continue;
    if (core.ticks - peer.lastContact >= core.electionTicks) continue;
    if (best === undefined || ahead(peer, best)) best = peer;
  }
  if (best !== undefined) startTransfer(core, best.id);
}

/** Who needs the state is no help: there is none to send. */
function ahead(a: Progress, b: Progress): boolean {
  if ((a.state === 'snapshot') !== (b.state === 'snapshot')) return b.state === 'snapshot';
  return a.match > b.match;
}
